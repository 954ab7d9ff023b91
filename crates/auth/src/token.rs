//! Access tokens as the rest of the crate sees them: issued for a sign-in, verified without a look at storage.

use async_trait::async_trait;
use codeflow_core::{LoginId, Tenant, Timestamp, UserId};
use secrecy::SecretString;

use crate::Error;

/// For whom a token is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    /// The user.
    pub user: UserId,
    /// The user's tenant.
    pub tenant: Tenant,
    /// The sign-in.
    pub login: LoginId,
}

/// A token that was issued.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// What a token says that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// For whom it was issued.
    pub subject: TokenSubject,
    /// When.
    pub issued_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

/// Issues and verifies access tokens. Whether a token was revoked is not its matter.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Issues a token.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when there is no key to sign with and none can be had.
    async fn issue(&self, subject: &TokenSubject) -> Result<IssuedToken, Error>;

    /// Verifies a token.
    ///
    /// # Errors
    /// [`MalformedCredential`](crate::ErrorKind::MalformedCredential),
    /// [`BadSignature`](crate::ErrorKind::BadSignature),
    /// [`UnknownSigningKey`](crate::ErrorKind::UnknownSigningKey),
    /// [`ExpiredToken`](crate::ErrorKind::ExpiredToken), [`EarlyToken`](crate::ErrorKind::EarlyToken),
    /// [`WrongAudience`](crate::ErrorKind::WrongAudience), [`WrongIssuer`](crate::ErrorKind::WrongIssuer),
    /// [`InvalidClaims`](crate::ErrorKind::InvalidClaims); [`Unavailable`](crate::ErrorKind::Unavailable) as long as the
    /// keys were never read.
    async fn verify(&self, token: &str) -> Result<Claims, Error>;
}
