//! The promises of storage, on both databases: the conformance suite, and what only a database can break.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod backups;
mod calls;
mod connections;
mod damage;
mod doctor;
mod fences;
mod floors;
mod identity;
mod lists;
mod lock;
mod migrations;
mod on_postgres;
mod on_sqlite;
mod probe;
mod sql;
mod tables;
mod upkeep;
mod wakeups;
