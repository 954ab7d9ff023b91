//! The promises of storage, on both databases.

mod on_postgres;
mod on_sqlite;
