//! The actions that come with CodeFlow, one file each.

mod chat;
mod diff;
mod extract;
mod policy;
mod report;
mod review;
mod risk;
mod run;
mod secrets;

pub(crate) use chat::ChatAction;
pub(crate) use diff::DiffAction;
pub(crate) use extract::ExtractAction;
pub(crate) use policy::PolicyAction;
pub(crate) use report::ReportAction;
pub(crate) use review::ReviewAction;
pub(crate) use risk::RiskAction;
pub use run::RunAction;
pub(crate) use secrets::SecretsAction;
