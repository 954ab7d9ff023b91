//! The codes of what the catalog and the actions say on their own account, beyond the kinds that `codeflow-core` knows.

use codeflow_core::execution::StepError;
use codeflow_core::{ActionError, ActionErrorKind, ActionOutcome};

/// Something that has a code of its own.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// No action has this name.
    UnknownAction,
    /// Commands are not run here.
    CommandsOff,
    /// A command said that it failed.
    CommandFailed,
    /// A command was ended by a signal.
    CommandKilled,
    /// An action gave something that it does not declare.
    BadOutput,
    /// An action gave more than may be kept.
    OutputTooLarge,
    /// No model can be asked.
    NoProvider,
    /// There is nothing that a model could look at.
    NothingToAsk,
    /// A model answered something other than what it was asked for.
    BadAnswer,
}

impl Fault {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownAction => "action.unknown",
            Self::CommandsOff => "sandbox.off",
            Self::CommandFailed => "sandbox.exit_code",
            Self::CommandKilled => "sandbox.killed",
            Self::BadOutput => "action.bad_output",
            Self::OutputTooLarge => "action.output_too_large",
            Self::NoProvider => "action.no_provider",
            Self::NothingToAsk => "action.nothing_to_ask",
            Self::BadAnswer => "action.bad_answer",
        }
    }

    /// The failure of a step for this reason.
    pub(crate) fn error(self, message: String) -> ActionError {
        let kind = match self {
            Self::UnknownAction => ActionErrorKind::InvalidInput,
            Self::CommandsOff => ActionErrorKind::Denied,
            Self::BadOutput => ActionErrorKind::Internal,
            Self::CommandFailed
            | Self::CommandKilled
            | Self::OutputTooLarge
            | Self::NoProvider
            | Self::NothingToAsk
            | Self::BadAnswer => ActionErrorKind::Failed,
        };
        ActionError::new(kind, message).with_code(self.code())
    }

    /// A step that stands aside for this reason.
    pub(crate) fn skip(self, message: String) -> ActionOutcome {
        ActionOutcome::Skipped(StepError { code: self.code().to_owned(), message, blocked_by: None })
    }
}
