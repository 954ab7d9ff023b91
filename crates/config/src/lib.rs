//! Settings from a file and the environment, parsed once at the start and typed from there on.
//! The only crate that reads the environment.
//!
//! ```
//! use codeflow_config::{Environment, Settings};
//!
//! let environment = Environment::from([("CODEFLOW_DATABASE__POOL_SIZE", "4")]);
//! let settings = Settings::load(None, &environment)?;
//! assert_eq!(settings.database.pool_size, 4);
//! # Ok::<(), codeflow_config::Error>(())
//! ```

mod document;
mod environment;
mod error;
mod raw;
mod settings;
mod sources;

pub use document::default_toml;
pub use environment::Environment;
pub use error::{Error, ErrorKind};
pub use settings::{DatabaseSettings, LogSettings, Settings, WorkerSettings};
