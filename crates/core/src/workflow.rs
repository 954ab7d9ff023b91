//! Workflow documents: what one says once it has been parsed and checked, and the door to get there.
//!
//! ```
//! use codeflow_core::NoActions;
//! use codeflow_core::workflow::parse;
//!
//! let text = "version: 1\nname: hello\nsteps:\n  scan: { uses: core/secrets, need: [diff] }\n";
//! let problems = parse(text, &NoActions).unwrap_err();
//! let problem = problems.iter().next().expect("problems are never empty");
//! assert_eq!(problem.location.to_string(), "4:31");
//! assert_eq!(problem.hint, "did you mean `needs`?");
//! ```

mod compensation;
mod context;
mod document;
mod graph;
mod header;
mod limits;
mod model;
mod node;
mod problem;
mod reader;
mod references;
mod run;
mod schedules;
mod schema;
mod shape;
mod source;
mod step;
mod types;
mod version;

use crate::{ActionCatalog, Location, Problems};
use context::Context;
use problem::Report;
use source::Source;

pub use limits::Limits;
pub use model::{
    Budget, Compensation, Concurrency, ForEach, InputDef, InvalidName, OnError, Overlap, Step, StepIndex,
    StepKind, StepName, VersionId, Workflow, WorkflowName,
};
pub use problem::ProblemCode;
pub use run::{RunLimits, RunStep};
pub use schema::json_schema;
pub use source::decode;

/// Parses a workflow document and checks it against the actions there are.
///
/// With a catalog that lists no actions, such as [`NoActions`](crate::NoActions), everything is checked
/// but the steps' agreement with their actions.
///
/// # Errors
/// Everything that is wrong with it, at once, each problem with its place and a stable code.
pub fn parse(text: &str, catalog: &dyn ActionCatalog) -> Result<Workflow, Problems> {
    let mut report = Report::default();
    let workflow = read(text, catalog, &mut report);
    match report.into_problems() {
        Some(problems) => Err(problems),
        None => workflow.ok_or_else(nothing),
    }
}

fn read(text: &str, catalog: &dyn ActionCatalog, report: &mut Report) -> Option<Workflow> {
    let source = Source::open(text, report)?;
    let root = reader::read(&source, report)?;
    document::compile(&root, catalog, &mut Context { source: &source, report })
}

/// The one way to have no workflow and no problem either.
fn nothing() -> Problems {
    let mut report = Report::default();
    let start = Location { line: 1, column: 1 };
    report.add(ProblemCode::Syntax, start, "the document is empty", "start with `version: 1`");
    report.into_problems().expect("a problem was just added")
}
