//! The codes of what the catalog and the actions say on their own account, beyond the kinds that `codeflow-core` knows.

use codeflow_core::{ActionError, ActionErrorKind};

/// Something that has a code of its own.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// No action has this name.
    UnknownAction,
    /// An action gave something that it does not declare.
    BadOutput,
    /// An action gave more than may be kept.
    OutputTooLarge,
    /// No model can be asked.
    NoProvider,
}

impl Fault {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::UnknownAction => "action.unknown",
            Self::BadOutput => "action.bad_output",
            Self::OutputTooLarge => "action.output_too_large",
            Self::NoProvider => "action.no_provider",
        }
    }

    /// The failure of a step for this reason.
    pub(crate) fn error(self, message: String) -> ActionError {
        let kind = match self {
            Self::UnknownAction => ActionErrorKind::InvalidInput,
            Self::BadOutput => ActionErrorKind::Internal,
            Self::OutputTooLarge | Self::NoProvider => ActionErrorKind::Failed,
        };
        ActionError::new(kind, message).with_code(self.code())
    }
}
