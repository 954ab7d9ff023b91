//! The state machines of an execution and of a step: pure, and every (state, event) pair is decided.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text is not a status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status")]
pub struct UnknownStatus(String);

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every status, in the order of a life.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name that storage and people see.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownStatus;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(UnknownStatus(other.chars().take(64).collect())),
                }
            }
        }
    };
}

status!(
    /// Where an execution stands.
    ExecutionStatus {
        /// Stored, and not yet picked up.
        Queued = "queued",
        /// Some step is ready or running.
        Running = "running",
        /// Nothing can run until a time, a signal or a decision comes.
        Waiting = "waiting",
        /// Held by a person or by an exhausted budget.
        Paused = "paused",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended because a step failed.
        Failed = "failed",
        /// Ended because somebody said so.
        Cancelled = "cancelled",
        /// Ended because its time was up.
        TimedOut = "timed_out",
    }
);

status!(
    /// Where a step stands.
    StepStatus {
        /// Its needs are not settled.
        Pending = "pending",
        /// It is due and nobody has taken it.
        Ready = "ready",
        /// It is being worked on, or waits for a time, a signal or a decision.
        Running = "running",
        /// It gave its outputs.
        Succeeded = "succeeded",
        /// Its last attempt failed.
        Failed = "failed",
        /// It was not run.
        Skipped = "skipped",
        /// It was told to stop, or never started because the execution was.
        Cancelled = "cancelled",
        /// It took or waited too long.
        TimedOut = "timed_out",
    }
);

/// What can happen to an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionEvent {
    /// A step is ready or running.
    Worked,
    /// Only times, signals and decisions are left.
    Idled,
    /// Somebody, or a budget, holds it.
    Paused,
    /// It may go on.
    Resumed,
    /// Every step is settled, and none failed.
    Succeeded,
    /// Every step is settled, and one failed.
    Failed,
    /// It was cancelled, and nothing of it runs any more.
    Cancelled,
    /// Its time was up, and nothing of it runs any more.
    TimedOut,
    /// It is taken up again from a step.
    Restarted,
}

impl ExecutionEvent {
    /// Every event.
    pub const ALL: &[Self] = &[
        Self::Worked,
        Self::Idled,
        Self::Paused,
        Self::Resumed,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::TimedOut,
        Self::Restarted,
    ];
}

/// What can happen to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepEvent {
    /// Its needs are settled and its condition holds.
    Due,
    /// A worker took it, or its wait began.
    Began,
    /// The attempt is given back: it failed and is tried again, or its worker stopped or died.
    Returned,
    /// It gave its outputs.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// It is not to be run.
    Skipped,
    /// Its execution was cancelled or ran out of time.
    Cancelled,
    /// It took or waited too long.
    TimedOut,
    /// Its execution is taken up again from this step or one before it.
    Restarted,
}

impl StepEvent {
    /// Every event.
    pub const ALL: &[Self] = &[
        Self::Due,
        Self::Began,
        Self::Returned,
        Self::Succeeded,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::TimedOut,
        Self::Restarted,
    ];
}

/// The event cannot happen in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to one that is {status}")]
pub struct Refused {
    status: &'static str,
    event: &'static str,
}

impl ExecutionStatus {
    /// Whether nothing happens any more, unless it is restarted.
    pub fn is_final(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut => true,
            Self::Queued | Self::Running | Self::Waiting | Self::Paused => false,
        }
    }

    /// The status after an event.
    ///
    /// # Errors
    /// When the event cannot happen in this state.
    pub fn next(self, event: ExecutionEvent) -> Result<Self, Refused> {
        use ExecutionEvent as E;
        match (self, event) {
            (Self::Queued | Self::Running | Self::Waiting, E::Worked) => Ok(Self::Running),
            (Self::Queued | Self::Running | Self::Waiting, E::Idled) => Ok(Self::Waiting),
            (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::Paused) => Ok(Self::Paused),
            (Self::Paused, E::Resumed) => Ok(Self::Running),
            // Work in flight settles while an execution is paused, but that does not wake it.
            (Self::Paused, E::Worked | E::Idled) => Ok(Self::Paused),
            (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::Succeeded) => {
                Ok(Self::Succeeded)
            }
            (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::Failed) => Ok(Self::Failed),
            (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::Cancelled) => {
                Ok(Self::Cancelled)
            }
            (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::TimedOut) => Ok(Self::TimedOut),
            (Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut, E::Restarted) => {
                Ok(Self::Running)
            }
            (Self::Queued | Self::Running | Self::Waiting, E::Resumed)
            | (Self::Queued | Self::Running | Self::Waiting | Self::Paused, E::Restarted)
            | (
                Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut,
                E::Worked
                | E::Idled
                | E::Paused
                | E::Resumed
                | E::Succeeded
                | E::Failed
                | E::Cancelled
                | E::TimedOut,
            ) => Err(Refused { status: self.as_str(), event: execution_event_name(event) }),
        }
    }
}

impl StepStatus {
    /// Whether the step is done with.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled | Self::TimedOut => true,
            Self::Pending | Self::Ready | Self::Running => false,
        }
    }

    /// The status after an event.
    ///
    /// # Errors
    /// When the event cannot happen in this state; above all, the first result stands.
    pub fn next(self, event: StepEvent) -> Result<Self, Refused> {
        use StepEvent as E;
        match (self, event) {
            (Self::Pending, E::Due) => Ok(Self::Ready),
            (Self::Ready, E::Began) => Ok(Self::Running),
            (Self::Running, E::Returned) => Ok(Self::Ready),
            (Self::Running, E::Succeeded) => Ok(Self::Succeeded),
            // An input that cannot be made fails a step before it begins.
            (Self::Pending | Self::Ready | Self::Running, E::Failed) => Ok(Self::Failed),
            (Self::Pending | Self::Ready | Self::Running, E::Skipped) => Ok(Self::Skipped),
            (Self::Pending | Self::Ready | Self::Running, E::Cancelled) => Ok(Self::Cancelled),
            (Self::Running, E::TimedOut) => Ok(Self::TimedOut),
            (
                Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled | Self::TimedOut,
                E::Restarted,
            ) => Ok(Self::Pending),
            // A restart finds some steps not settled yet: those of an execution that was cut short.
            (Self::Pending, E::Restarted) => Ok(Self::Pending),
            (Self::Pending, E::Began | E::Returned | E::Succeeded | E::TimedOut)
            | (Self::Ready, E::Due | E::Returned | E::Succeeded | E::TimedOut | E::Restarted)
            | (Self::Running, E::Due | E::Began | E::Restarted)
            | (
                Self::Succeeded | Self::Failed | Self::Skipped | Self::Cancelled | Self::TimedOut,
                E::Due
                | E::Began
                | E::Returned
                | E::Succeeded
                | E::Failed
                | E::Skipped
                | E::Cancelled
                | E::TimedOut,
            ) => Err(Refused { status: self.as_str(), event: step_event_name(event) }),
        }
    }
}

fn execution_event_name(event: ExecutionEvent) -> &'static str {
    match event {
        ExecutionEvent::Worked => "starting work",
        ExecutionEvent::Idled => "falling idle",
        ExecutionEvent::Paused => "pausing",
        ExecutionEvent::Resumed => "resuming",
        ExecutionEvent::Succeeded => "succeeding",
        ExecutionEvent::Failed => "failing",
        ExecutionEvent::Cancelled => "cancelling",
        ExecutionEvent::TimedOut => "running out of time",
        ExecutionEvent::Restarted => "restarting",
    }
}

fn step_event_name(event: StepEvent) -> &'static str {
    match event {
        StepEvent::Due => "falling due",
        StepEvent::Began => "beginning",
        StepEvent::Returned => "being given back",
        StepEvent::Succeeded => "succeeding",
        StepEvent::Failed => "failing",
        StepEvent::Skipped => "being skipped",
        StepEvent::Cancelled => "being cancelled",
        StepEvent::TimedOut => "running out of time",
        StepEvent::Restarted => "restarting",
    }
}
