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

mod auth;
mod budgets;
mod cache;
mod checks;
mod document;
mod environment;
mod error;
mod file;
mod keys;
mod limits;
mod policy;
mod profile;
mod providers;
mod raw;
mod requests;
mod resilience;
mod retention;
mod routes;
mod sandbox;
mod secrets;
mod server;
mod settings;
mod sources;
mod values;
mod variables;
mod worker;

pub use auth::{
    AuthSettings, ConnectionServiceSettings, ConnectionSettings, NewUserSettings, SecretPlace, SignInPaths,
    SignInProtocol, SignInProvider, SignInSettings, SigningAlgorithm, TokenSettings,
};
pub use budgets::{BudgetPeriod, BudgetScope, BudgetSettings};
pub use cache::CacheSettings;
pub use document::default_toml;
pub use environment::Environment;
pub use error::{Error, ErrorKind};
pub use keys::{Key, KeySettings, key_digest};
pub use limits::{LimitSettings, MinuteLimits};
pub use policy::PolicySettings;
pub use profile::Profile;
pub use providers::{ProviderCredentials, ProviderSettings, ProviderTimeouts, VendorVariables};
pub use resilience::{BreakerSettings, RetrySettings};
pub use retention::RetentionSettings;
pub use routes::{ModelSettings, RouteSettings, RouteWeights};
pub use sandbox::{SandboxBounds, SandboxSettings};
pub use secrets::{LocalSecrets, SecretReference, SecretSource};
pub use server::ServerSettings;
pub use settings::{DatabaseSettings, Flags, LogSettings, Settings};
pub use worker::{WakeupMode, WorkerSettings};
