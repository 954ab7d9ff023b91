//! What the domain promises, tested through its public interface.

mod workflow_catalog;
mod workflow_fuzz;
mod workflow_malformed;
mod workflow_parse;
mod workflow_problems;
mod workflow_schema;
mod workflow_version;
