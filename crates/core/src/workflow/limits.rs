//! How large a workflow document and its parts may be. What an execution may use up is its budget.

use std::time::Duration;

/// The bounds that [`parse`](super::parse) holds a document to.
#[derive(Clone, Copy, Debug)]
pub struct Limits;

impl Limits {
    /// The longest document, in bytes.
    pub const DOCUMENT_BYTES: usize = 1024 * 1024;
    /// The deepest nesting of mappings and lists. The document itself is the first level and a step's
    /// `with` the fourth, so that a value given to an action may have six levels of its own.
    pub const DEPTH: usize = 10;
    /// The most steps.
    pub const STEPS: usize = 200;
    /// The most items that a `for_each` runs over; a longer list that is only known later fails the step.
    pub const FOR_EACH_ITEMS: usize = 10_000;
    /// The most items of a `for_each` that may run at once.
    pub const FOR_EACH_PARALLEL: u32 = 64;
    /// How many items of a `for_each` run at once when the step does not say.
    pub const DEFAULT_PARALLEL: u32 = 4;
    /// The most attempts of a step.
    pub const ATTEMPTS: u32 = 10;
    /// The most processes or open files that a command may ask for.
    pub const RUN_COUNT: u32 = 100_000;
    /// The longest time for one attempt of a step.
    pub const TIMEOUT: Duration = hours(24);
    /// The time for one attempt of a step that does not say.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10 * 60);
    /// The longest wait between two attempts.
    pub const RETRY_WAIT: Duration = hours(24);
    /// The longest wait for an approval or a signal.
    pub const WAIT: Duration = hours(30 * 24);
    /// The wait for an approval or a signal that does not say.
    pub const DEFAULT_WAIT: Duration = hours(24);
    /// The longest sleep, and the longest time budget.
    pub const SLEEP: Duration = hours(365 * 24);
    /// How deep a workflow may be that others call: called by one, that is called by one, and so on.
    pub const CALLS: u32 = 10;
    /// The most executions with one key that run at once.
    pub const CONCURRENT: u32 = 1_000;
    /// The most schedules of a workflow.
    pub const SCHEDULES: usize = 20;
    /// The most problems that one parse reports.
    pub const PROBLEMS: usize = 100;
}

const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}
