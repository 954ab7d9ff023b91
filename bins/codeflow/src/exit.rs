//! What the program tells its caller by its exit code.

use std::process::ExitCode;

/// How the program ended. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked, and no gate said no.
    Success,
    /// A gate said no.
    GateClosed,
    /// What was compared is not the same.
    Different,
    /// It was asked for something that makes no sense: flags, inputs, names, documents.
    WrongUse,
    /// It could not do it: a step failed, the database is away, another engine has the lock.
    Failure,
    /// The execution waits for a person or a signal.
    Waiting,
    /// It was interrupted, and the execution can be resumed.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::GateClosed | Exit::Different => 1,
            Exit::WrongUse => 2,
            Exit::Failure => 3,
            Exit::Waiting => 4,
            Exit::Interrupted => 130,
        })
    }
}
