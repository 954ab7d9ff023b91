//! Why the server itself refuses a request, before the gateway is asked: the code and the status of each reason.

/// Why a request goes no further than the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It brings no key where one is needed.
    MissingKey,
    /// What it brings cannot be read as one key.
    MalformedKey,
    /// Its key is none of ours.
    UnknownKey,
    /// Its key may not ask for this model.
    ModelForbidden,
    /// Its body is not announced as JSON.
    ContentType,
    /// Its body is larger than allowed.
    BodyTooLarge,
    /// Its body did not arrive in time.
    BodyLate,
    /// Its body ended too early.
    BodyBroken,
    /// There is nothing at its path.
    NoSuchPath,
    /// Its path takes another method.
    MethodNotAllowed,
    /// Something is wrong with the server.
    Internal,
}

impl Refusal {
    /// Every reason.
    pub const ALL: [Self; 11] = [
        Self::MissingKey,
        Self::MalformedKey,
        Self::UnknownKey,
        Self::ModelForbidden,
        Self::ContentType,
        Self::BodyTooLarge,
        Self::BodyLate,
        Self::BodyBroken,
        Self::NoSuchPath,
        Self::MethodNotAllowed,
        Self::Internal,
    ];

    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingKey => "api.missing_key",
            Self::MalformedKey => "api.malformed_key",
            Self::UnknownKey => "api.unknown_key",
            Self::ModelForbidden => "api.model_forbidden",
            Self::ContentType => "api.content_type",
            Self::BodyTooLarge => "api.body_too_large",
            Self::BodyLate => "api.body_late",
            Self::BodyBroken => "api.body_broken",
            Self::NoSuchPath => "api.no_such_path",
            Self::MethodNotAllowed => "api.method_not_allowed",
            Self::Internal => "api.internal",
        }
    }

    /// The status that it is answered with.
    pub fn status(self) -> u16 {
        match self {
            Self::MissingKey | Self::MalformedKey | Self::UnknownKey => 401,
            Self::ModelForbidden => 403,
            Self::ContentType => 415,
            Self::BodyTooLarge => 413,
            Self::BodyLate => 408,
            Self::BodyBroken => 400,
            Self::NoSuchPath => 404,
            Self::MethodNotAllowed => 405,
            Self::Internal => 500,
        }
    }
}
