//! The one error of this crate and of the ports it declares.

use codeflow_core::{Class, Coded};

/// A cause from another library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Somebody could not be recognised, may not do something, or what was asked cannot be done. The text is for whoever
/// asks: it names nothing that they did not send.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    problems: Vec<(String, String)>,
    retry_after: Option<std::time::Duration>,
    #[source]
    source: Option<BoxError>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request brings nothing that says who calls.
    MissingCredential,
    /// What it brings cannot be read, or there are two that differ.
    MalformedCredential,
    /// The signature is not ours.
    BadSignature,
    /// The token names a key or an algorithm that is not ours.
    UnknownSigningKey,
    /// The token's time is over.
    ExpiredToken,
    /// The token's time has not begun.
    EarlyToken,
    /// The token is for somebody else.
    WrongAudience,
    /// Somebody else issued the token.
    WrongIssuer,
    /// A claim that every token has is missing or is not what it should be.
    InvalidClaims,
    /// The token, its sign-in or its user was revoked.
    Revoked,
    /// There is no such API key, or its secret is wrong.
    UnknownKey,
    /// The API key's time is over, or it was revoked.
    ExpiredKey,
    /// The refresh token is not ours or its time is over.
    InvalidRefreshToken,
    /// The refresh token was used before; all that came of its sign-in is revoked.
    ReusedRefreshToken,
    /// The name or the password is wrong.
    WrongPassword,
    /// A code of the second factor is needed.
    SecondFactorNeeded,
    /// The code of the second factor is wrong, or was used before.
    WrongSecondFactor,
    /// Too many attempts failed; for a while none is looked at.
    LockedOut,
    /// A sign-in with another service failed.
    SignInFailed,
    /// Whoever calls may not do that.
    Forbidden,
    /// It does not exist, or belongs to somebody else.
    NotFound,
    /// It exists already, or changed meanwhile.
    Conflict,
    /// Something that was handed in is wrong.
    InvalidInput,
    /// Storage or another service is away; trying again may help.
    Unavailable,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Self::MissingCredential,
        Self::MalformedCredential,
        Self::BadSignature,
        Self::UnknownSigningKey,
        Self::ExpiredToken,
        Self::EarlyToken,
        Self::WrongAudience,
        Self::WrongIssuer,
        Self::InvalidClaims,
        Self::Revoked,
        Self::UnknownKey,
        Self::ExpiredKey,
        Self::InvalidRefreshToken,
        Self::ReusedRefreshToken,
        Self::WrongPassword,
        Self::SecondFactorNeeded,
        Self::WrongSecondFactor,
        Self::LockedOut,
        Self::SignInFailed,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::InvalidInput,
        Self::Unavailable,
        Self::Internal,
    ];

    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::MissingCredential => "auth.missing_credential",
            Self::MalformedCredential => "auth.malformed_credential",
            Self::BadSignature => "auth.bad_signature",
            Self::UnknownSigningKey => "auth.unknown_signing_key",
            Self::ExpiredToken => "auth.expired_token",
            Self::EarlyToken => "auth.early_token",
            Self::WrongAudience => "auth.wrong_audience",
            Self::WrongIssuer => "auth.wrong_issuer",
            Self::InvalidClaims => "auth.invalid_claims",
            Self::Revoked => "auth.revoked",
            Self::UnknownKey => "auth.unknown_key",
            Self::ExpiredKey => "auth.expired_key",
            Self::InvalidRefreshToken => "auth.invalid_refresh_token",
            Self::ReusedRefreshToken => "auth.reused_refresh_token",
            Self::WrongPassword => "auth.wrong_password",
            Self::SecondFactorNeeded => "auth.second_factor_needed",
            Self::WrongSecondFactor => "auth.wrong_second_factor",
            Self::LockedOut => "auth.locked_out",
            Self::SignInFailed => "auth.sign_in_failed",
            Self::Forbidden => "auth.forbidden",
            Self::NotFound => "auth.not_found",
            Self::Conflict => "auth.conflict",
            Self::InvalidInput => "auth.invalid_input",
            Self::Unavailable => "auth.unavailable",
            Self::Internal => "auth.internal",
        }
    }
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), problems: Vec::new(), retry_after: None, source: None }
    }

    /// An error with its cause.
    pub fn with_source(kind: ErrorKind, context: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind, context) }
    }

    /// Something is wrong with one field of what was handed in.
    pub fn field(field: impl Into<String>, context: impl Into<String>) -> Self {
        let context = context.into();
        let problems = vec![(field.into(), context.clone())];
        Self { problems, ..Self::new(ErrorKind::InvalidInput, context) }
    }

    /// Something is wrong with each of these fields of what was handed in; it is said of the first what.
    pub fn fields(problems: Vec<(String, String)>) -> Self {
        let context = problems.first().map_or_else(String::new, |(field, what)| format!("{field}: {what}"));
        Self { problems, ..Self::new(ErrorKind::InvalidInput, context) }
    }

    /// Trying again before that is of no use.
    #[must_use]
    pub fn after(self, wait: std::time::Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The field that is wrong, or the first of them.
    pub fn path(&self) -> Option<&str> {
        self.problems.first().map(|(field, _)| field.as_str())
    }

    /// All fields that are wrong, each with what is wrong with it.
    pub fn problems(&self) -> &[(String, String)] {
        &self.problems
    }

    /// How long to wait before trying again.
    pub fn retry_after(&self) -> Option<std::time::Duration> {
        self.retry_after
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        match self.kind {
            ErrorKind::NotFound => Class::NotFound,
            ErrorKind::Conflict => Class::Conflict,
            ErrorKind::InvalidInput => Class::Invalid,
            ErrorKind::LockedOut => Class::Limited,
            ErrorKind::Unavailable => Class::Unavailable,
            ErrorKind::Internal => Class::Internal,
            ErrorKind::MissingCredential
            | ErrorKind::MalformedCredential
            | ErrorKind::BadSignature
            | ErrorKind::UnknownSigningKey
            | ErrorKind::ExpiredToken
            | ErrorKind::EarlyToken
            | ErrorKind::WrongAudience
            | ErrorKind::WrongIssuer
            | ErrorKind::InvalidClaims
            | ErrorKind::Revoked
            | ErrorKind::UnknownKey
            | ErrorKind::ExpiredKey
            | ErrorKind::InvalidRefreshToken
            | ErrorKind::ReusedRefreshToken
            | ErrorKind::WrongPassword
            | ErrorKind::SecondFactorNeeded
            | ErrorKind::WrongSecondFactor
            | ErrorKind::SignInFailed
            | ErrorKind::Forbidden => Class::Denied,
        }
    }
}
