//! What is in an access token: its header and its claims, and what they have to be.

use std::time::Duration;

use codeflow_core::{LoginId, Tenant, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{Claims, Error, ErrorKind, TokenSubject};

/// Says that it is an access token, so that a token of another use is none.
pub(super) const TYPE: &str = "at+jwt";

/// The end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// The header: these members and no others. What names keys elsewhere (`jku`, `jwk`, `x5u`, `x5c`) or asks for more than
/// is understood (`crit`) makes it unreadable.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) typ: String,
    pub(super) kid: String,
}

/// The claims. A later version may add some; those that are here are needed.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Payload {
    iss: String,
    aud: Audience,
    sub: UserId,
    tenant: Tenant,
    sid: LoginId,
    jti: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    /// The microseconds of `iat`: what was issued in the second of a revocation may have come after it.
    iat_micros: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What claims are judged by.
pub(super) struct Judge<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) leeway: Duration,
    pub(super) now: Timestamp,
}

impl Payload {
    /// The claims of a token that is issued now.
    pub(super) fn issue(subject: &TokenSubject, judge: &Judge<'_>, jti: String, lifetime: Duration) -> Self {
        let micros = u64::try_from(judge.now.micros()).unwrap_or_default();
        let (second, rest) = (micros / 1_000_000, micros % 1_000_000);
        Self {
            iss: judge.issuer.to_owned(),
            aud: Audience::One(judge.audience.to_owned()),
            sub: subject.user,
            tenant: subject.tenant.clone(),
            sid: subject.login,
            jti,
            iat: second,
            nbf: second,
            exp: second.saturating_add(lifetime.as_secs()),
            iat_micros: u32::try_from(rest).unwrap_or_default(),
        }
    }

    /// From when on the token is refused, by a clock that is right.
    pub(super) fn expires_at(&self) -> Timestamp {
        at(self.exp)
    }

    /// Judges the claims: who issued them for whom, and then their time. With a leeway of 30 seconds, a token is refused
    /// from 30 seconds after `exp` on, and is accepted from 30 seconds before `nbf` on.
    pub(super) fn judge(self, judge: &Judge<'_>) -> Result<Claims, Error> {
        self.form()?;
        if self.iss != judge.issuer {
            return Err(Error::new(ErrorKind::WrongIssuer, "somebody else issued the token"));
        }
        if !self.aud.is_only(judge.audience) {
            return Err(Error::new(ErrorKind::WrongAudience, "the token is for somebody else"));
        }
        if judge.now >= at(self.exp).after(judge.leeway) {
            return Err(Error::new(ErrorKind::ExpiredToken, "the token's time is over"));
        }
        if judge.now.after(judge.leeway) < at(self.nbf.max(self.iat)) {
            return Err(Error::new(ErrorKind::EarlyToken, "the token's time has not begun"));
        }
        let issued_at = at(self.iat).after(Duration::from_micros(u64::from(self.iat_micros)));
        let expires_at = at(self.exp);
        let subject = TokenSubject { user: self.sub, tenant: self.tenant, login: self.sid };
        Ok(Claims { subject, issued_at, expires_at })
    }

    fn form(&self) -> Result<(), Error> {
        let named = (1..=64).contains(&self.jti.len());
        let in_order = self.iat < self.exp && self.nbf < self.exp && self.exp <= LAST_SECOND;
        if named && in_order && self.iat_micros < 1_000_000 {
            return Ok(());
        }
        Err(invalid())
    }
}

impl Audience {
    /// Who is one audience of several may not use what the others could pass on.
    fn is_only(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => matches!(many.as_slice(), [one] if one == audience),
        }
    }
}

pub(super) fn invalid() -> Error {
    let text = "a claim that every token has is missing, or is not what it should be";
    Error::new(ErrorKind::InvalidClaims, text)
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(second.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
}
