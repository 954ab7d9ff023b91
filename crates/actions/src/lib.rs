//! The built-in actions behind `uses:`, the catalog they run through, and the ports to what they need.
//!
//! An action receives data and gives data. It holds no connection and knows nothing of storage or of the engine;
//! the analysis itself is in `codeflow-analysis`. [`Catalog::run`] checks what goes in and what comes out.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use codeflow_actions::{
//!     Catalog, Dependencies, DiffRequest, NoModels, RangeDiff, Repository, RepositoryError,
//! };
//! use codeflow_core::ActionCatalog;
//! use tokio_util::sync::CancellationToken;
//!
//! struct Unchanging;
//!
//! #[async_trait]
//! impl Repository for Unchanging {
//!     async fn diff(&self, _: DiffRequest, _: CancellationToken) -> Result<RangeDiff, RepositoryError> {
//!         let diff = codeflow_analysis::Diff::parse("main", "main", b"");
//!         Ok(RangeDiff { diff, base: "main".into(), head: "main".into(), notes: vec![] })
//!     }
//! }
//!
//! let catalog = Catalog::builtin(Dependencies { repository: Arc::new(Unchanging), models: Arc::new(NoModels) });
//! let spec = catalog.find(&"core/secrets".parse()?).expect("it is built in");
//! assert!(spec.inputs["diff"].required);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod builtin;
mod catalog;
mod commands;
mod contract;
mod fault;
mod llm;
mod models;
mod repository;
mod upstream;

pub use action::Action;
pub use builtin::RunAction;
pub use catalog::{Catalog, Dependencies};
pub use commands::{
    Captured, CommandEnd, CommandError, CommandErrorKind, CommandLimits, CommandRequest, Commands,
};
pub use contract::MAX_OUTPUT_BYTES;
pub use models::{Availability, ModelAsk, ModelError, ModelReply, Models, NoModels};
pub use repository::{DiffRequest, RangeDiff, Repository, RepositoryError, RepositoryErrorKind};
pub use upstream::model_use;
