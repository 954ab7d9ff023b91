//! What the domain promises, tested through its public interface.

mod errors;
mod ids;
mod money;
mod redact;
mod retry;
mod schedule;
mod state;
mod status;
mod time;
mod workflow_catalog;
mod workflow_fuzz;
mod workflow_malformed;
mod workflow_parse;
mod workflow_problems;
mod workflow_run;
mod workflow_schedules;
mod workflow_schema;
mod workflow_version;
