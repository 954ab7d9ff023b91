//! What the server itself refuses, before or beside any call to a model: the codes and their statuses.

use crate::{ErrorKind, Failure};

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
    /// Its body has a member of one name twice.
    DuplicateMember,
    /// Its body is not JSON.
    InvalidJson,
    /// Its body is nested too deeply.
    TooDeep,
    /// Fields of its body are wrong.
    InvalidBody,
    /// Its path, its query or its headers are wrong.
    InvalidParameter,
    /// A limit of requests is used up.
    Limited,
    /// It was worked on for too long.
    Overdue,
    /// This process has not the part that could answer it.
    NotHere,
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
            Self::DuplicateMember => "api.duplicate_member",
            Self::InvalidJson => ErrorKind::InvalidJson.code(),
            Self::TooDeep => ErrorKind::TooDeep.code(),
            Self::InvalidBody => "api.invalid_body",
            Self::InvalidParameter => "api.invalid_parameter",
            Self::Limited => "api.limited",
            Self::Overdue => "api.overdue",
            Self::NotHere => "api.not_here",
            Self::StorageUnavailable => "api.storage_unavailable",
            Self::Internal => "api.internal",
        }
    }

    pub(crate) fn status(self) -> u16 {
        match self {
            Self::MissingKey | Self::MalformedKey | Self::UnknownKey => 401,
            Self::ModelForbidden => 403,
            Self::NoSuchPath => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyBroken
            | Self::DuplicateMember
            | Self::InvalidJson
            | Self::TooDeep
            | Self::InvalidParameter => 400,
            Self::BodyLate => 408,
            Self::BodyTooLarge => 413,
            Self::ContentType => 415,
            Self::InvalidBody => 422,
            Self::Limited => 429,
            Self::Overdue | Self::NotHere | Self::StorageUnavailable => 503,
            Self::Internal => 500,
        }
    }

    /// It in a sentence, where nothing more can be said.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::MissingKey => "this path needs a key",
            Self::MalformedKey => "the key cannot be read",
            Self::UnknownKey => "the key is not known here",
            Self::ModelForbidden => "this key may not ask for this model",
            Self::NoSuchPath => "there is nothing at this path",
            Self::MethodNotAllowed => "this path does not take this method",
            Self::BodyBroken => "the body ended before it was whole",
            Self::BodyLate => "the body did not arrive in time",
            Self::BodyTooLarge => "the body is larger than this path takes",
            Self::ContentType => "the body must be JSON, announced by `content-type: application/json`",
            Self::DuplicateMember => "the body has two members of one name in one object",
            Self::InvalidJson => "the body is not valid JSON",
            Self::TooDeep => "the body is nested too deeply",
            Self::InvalidBody => "the body is not what this path takes; `errors` says where",
            Self::InvalidParameter => "the request is not what this path takes; `errors` says where",
            Self::Limited => "too many requests for now",
            Self::Overdue => "this took too long and was given up; what was begun may have been done",
            Self::NotHere => "this server was started without what could answer this",
            Self::StorageUnavailable => "storage is away at the moment; try again",
            Self::Internal => "something went wrong inside the server",
        }
    }

    /// The failure that tells it in these words.
    pub(crate) fn told(self, message: impl Into<String>) -> Failure {
        Failure::new(self.status(), self.code(), message)
    }
}
