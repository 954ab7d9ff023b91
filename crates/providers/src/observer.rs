//! Who hears what came of calls.

use std::time::Duration;

use codeflow_model::{ErrorKind, Next, Step, Usage};

/// Hears what came of calls. It is told while the call is being made, so it must not wait.
pub trait CallObserver: Send + Sync {
    /// A call is over: see [`Metered`](crate::Metered).
    fn finished(&self, _call: &CallReport<'_>) {}

    /// An attempt failed: see [`Retry`](crate::Retry) and [`Fallback`](crate::Fallback).
    fn missed(&self, _attempt: &MissReport<'_>) {}
}

/// A call that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallReport<'a> {
    /// Who was asked.
    pub provider: &'a str,
    /// For which model.
    pub model: &'a str,
    /// How it ended. A future or a stream that was dropped was `Cancelled`.
    pub outcome: Result<(), ErrorKind>,
    /// How long the first token of a streamed answer took, if it came.
    pub first_token: Option<Duration>,
    /// How long everything took. It includes the time that a reader took to read.
    pub total: Duration,
    /// What was used, as far as it is known.
    pub usage: Usage,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissReport<'a> {
    /// Who was asked.
    pub provider: &'a str,
    /// For which model.
    pub model: &'a str,
    /// Which attempt it was.
    pub step: Step,
    /// Why it failed.
    pub kind: ErrorKind,
    /// What follows.
    pub next: Next,
}
