//! Workflow documents: what one says once it has been parsed and checked, and the door to get there.

mod model;

pub use model::{
    Budget, Concurrency, ForEach, InputDef, InvalidName, OnError, Overlap, Step, StepIndex, StepKind,
    StepName, VersionId, Workflow, WorkflowName,
};
