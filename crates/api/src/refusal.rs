//! What the server itself refuses, before or beside any call to a model: the codes and their statuses.

use crate::Failure;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It brings no key.
    MissingKey,
    /// Its key cannot be read.
    MalformedKey,
    /// Its key is not ours.
    UnknownKey,
    /// Its key may not ask for the model.
    ModelForbidden,
    /// There is nothing at its path.
    NoSuchPath,
    /// Its path does not take its method.
    MethodNotAllowed,
    /// Its body ended too early.
    BodyBroken,
    /// Its body took too long.
    BodyLate,
    /// Its body is too large.
    BodyTooLarge,
    /// Its body is not announced as JSON.
    ContentType,
    /// Storage is away.
    StorageUnavailable,
    /// A fault of ours.
    Internal,
}

impl Refusal {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::MissingKey => "api.missing_key",
            Self::MalformedKey => "api.malformed_key",
            Self::UnknownKey => "api.unknown_key",
            Self::ModelForbidden => "api.model_forbidden",
            Self::NoSuchPath => "api.no_such_path",
            Self::MethodNotAllowed => "api.method_not_allowed",
            Self::BodyBroken => "api.body_broken",
            Self::BodyLate => "api.body_late",
            Self::BodyTooLarge => "api.body_too_large",
            Self::ContentType => "api.content_type",
            Self::StorageUnavailable => "api.storage_unavailable",
            Self::Internal => "api.internal",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::MissingKey | Self::MalformedKey | Self::UnknownKey => 401,
            Self::ModelForbidden => 403,
            Self::NoSuchPath => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyBroken => 400,
            Self::BodyLate => 408,
            Self::BodyTooLarge => 413,
            Self::ContentType => 415,
            Self::StorageUnavailable => 503,
            Self::Internal => 500,
        }
    }

    /// The failure that tells it in these words.
    pub(crate) fn told(self, message: impl Into<String>) -> Failure {
        Failure::new(self.status(), self.code(), message)
    }
}
