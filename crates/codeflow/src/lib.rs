//! CodeFlow in one crate: settings in, running parts out. What the parts do is in their own crates, which
//! are all here under short names.
//!
//! ```
//! use codeflow::config::{Environment, Settings};
//! use codeflow::{Local, Options};
//! use serde_json::Map;
//!
//! const HELLO: &str = "
//! version: 1
//! name: hello
//! steps:
//!   pause: { sleep: 10ms }
//! outputs: { greeting: 'hello' }
//! ";
//!
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let environment = Environment::process();
//! let settings = Settings::load(None, &Environment::default())?;
//! let codeflow = Local::open(Options::new(folder, settings, environment)).await?;
//!
//! let (id, _) = codeflow.start(HELLO, Map::new(), None).await?;
//! let worker = codeflow.work()?;
//! let mut watch = codeflow.watch(id);
//! let outputs = loop {
//!     let view = watch.next().await?;
//!     if view.record.status.is_final() {
//!         break view.record.outputs.clone();
//!     }
//! };
//! worker.stop().await;
//!
//! assert_eq!(outputs.expect("it succeeded")["greeting"], "hello");
//! # Ok(()) }
//! ```

mod asked;
mod backups;
mod builtin;
mod commands;
mod error;
mod fleet;
mod gateway;
mod identity;
mod local;
mod place;
mod project;
mod replaying;
mod retention;
mod runner;
mod running;
mod schedules;
mod server;
mod sharing;
mod watch;
mod working;

pub use asked::Asked;
pub use backups::{BackupReport, Backups};
pub use builtin::{BuiltIn, check};
pub use codeflow_engine::{Phase, StepView, View};
pub use error::{Error, ErrorKind};
pub use fleet::{AtWork, FleetWorker};
pub use identity::Admin;
pub use local::{Local, Options};
pub use project::Project;
pub use replaying::ReplayCost;
pub use running::{Reservation, Running};
pub use schedules::ScheduleTarget;
pub use server::Server;
pub use watch::Watch;

/// Belongs at the beginning of `main` of a program that runs commands of workflows: it starts itself again for them.
pub use codeflow_sandbox::enter as enter_sandbox;

#[doc(no_inline)]
pub use codeflow_runtime::SystemClock;

#[doc(no_inline)]
pub use codeflow_actions as actions;
#[doc(no_inline)]
pub use codeflow_analysis as analysis;
#[doc(no_inline)]
pub use codeflow_auth as auth;
#[doc(no_inline)]
pub use codeflow_config as config;
#[doc(no_inline)]
pub use codeflow_core as core;
#[doc(no_inline)]
pub use codeflow_engine as engine;
#[doc(no_inline)]
pub use codeflow_model as model;
