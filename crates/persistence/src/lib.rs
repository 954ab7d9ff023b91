//! Keeps executions, journals, the queue of due work, accounts and identities in SQLite or PostgreSQL, from one source. What is
//! due and what a result unlocks is the engine's; here it is only made durable.
//!
//! ```
//! use codeflow_core::workflow::VersionId;
//! use codeflow_engine::WorkflowStore;
//! use codeflow_persistence::{Database, DatabaseSettings};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("codeflow.db");
//! let settings = DatabaseSettings::new(path.display().to_string());
//! let database = Database::open(&settings).await?;
//! database.migrate().await?;
//!
//! let version = VersionId::from_hash("0".repeat(64));
//! assert_eq!(database.find_version(&version).await?, None);
//! # Ok(()) }
//! ```

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("choose a database: enable the feature `postgres`, `sqlite` or both");

#[cfg(feature = "gateway")]
mod accounts;
mod archive;
mod backup;
mod conn;
mod database;
mod doctor;
mod error;
#[cfg(feature = "auth")]
mod identity;
mod journal;
mod limit_rules;
mod lock;
mod payload;
mod probe;
mod queue;
mod rows;
mod schedules;
mod schema;
mod settings;
mod sql_types;
#[cfg(feature = "postgres")]
mod statement;
mod upkeep;
#[cfg(feature = "postgres")]
mod wakeups;
mod workflows;

pub use archive::FolderArchive;
#[cfg(feature = "postgres")]
pub use backup::{PostgresAdmin, PostgresSnapshot};
pub use backup::{TableRows, check_migrations};
#[cfg(feature = "sqlite")]
pub use backup::{check_sqlite, copy_sqlite, overwrite_sqlite};
pub use database::Database;
pub use lock::EngineLock;
pub use probe::{CommitProbe, Moment};
pub use settings::{ConnectionInfo, DatabaseSettings, PoolInfo};
#[cfg(feature = "postgres")]
pub use wakeups::PostgresWire;
