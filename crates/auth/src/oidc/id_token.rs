//! What an issuer says about somebody, verified.

use std::time::Duration;

use codeflow_core::Timestamp;
use jsonwebtoken::{Algorithm, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::keys::{Keys, algorithm, digest};
use super::web::bad;
use crate::jwt::compact::{Compact, encode, object};
use crate::{Error, Vault};

const LONGEST: usize = 16 * 1024;
const LEEWAY: Duration = Duration::from_secs(30);
/// The end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What the token has to be for.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) access_token: &'a str,
    pub(super) now: Timestamp,
}

/// A token that was taken apart, before its key is known.
pub(super) struct IdToken<'a> {
    compact: Compact<'a>,
    pub(super) kid: Option<String>,
    name: String,
    algorithm: Algorithm,
}

/// What is believed of it.
pub(super) struct Person {
    pub(super) subject: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: bool,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    at_hash: Option<String>,
    name: Option<String>,
    preferred_username: Option<String>,
    email: Option<String>,
    email_verified: Option<Flag>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Some services write it as a text.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Flag {
    Set(bool),
    Text(String),
}

impl Flag {
    pub(super) fn is_set(&self) -> bool {
        match self {
            Self::Set(set) => *set,
            Self::Text(text) => text == "true",
        }
    }
}

impl<'a> IdToken<'a> {
    /// Takes a token apart. Its algorithm has to be one that the issuer says it uses, and that is verified here.
    pub(super) fn read(token: &'a str, used: &[String]) -> Result<Self, Error> {
        let compact = Compact::read(token, LONGEST).map_err(|_| bad("the ID token cannot be read"))?;
        let header: Header = object(&compact.header).ok_or_else(|| bad("the ID token cannot be read"))?;
        if header.crit.is_some() {
            return Err(bad("the ID token asks for something that is not understood"));
        }
        let known = algorithm(&header.alg).filter(|_| used.contains(&header.alg));
        let algorithm = known.ok_or_else(|| bad("the ID token has an algorithm that is not accepted"))?;
        Ok(Self { compact, kid: header.kid, name: header.alg, algorithm })
    }

    /// Verifies it with the issuer's keys, and judges what it says.
    pub(super) fn verify(&self, keys: &Keys, expected: &Expected<'_>) -> Result<Person, Error> {
        let key = keys.find(self.kid.as_deref(), (self.algorithm, &self.name));
        let key = key.ok_or_else(|| bad("the ID token names a key that its issuer does not have"))?;
        let (signature, signed) = (self.compact.signature, self.compact.signed.as_bytes());
        if !crypto::verify(signature, signed, key, self.algorithm).unwrap_or(false) {
            return Err(bad("the ID token's signature is wrong"));
        }
        let claims: Claims = object(&self.compact.payload)
            .ok_or_else(|| bad("a claim of the ID token is missing or wrong"))?;
        claims.judge(expected)?;
        self.bound(claims.at_hash.as_deref(), expected)?;
        Ok(claims.person())
    }

    /// Whether it came with this access token, if it says with which it came.
    fn bound(&self, hash: Option<&str>, expected: &Expected<'_>) -> Result<(), Error> {
        let Some(hash) = hash else { return Ok(()) };
        let whole = aws_lc_rs::digest::digest(digest(self.algorithm), expected.access_token.as_bytes());
        let half = &whole.as_ref()[..whole.as_ref().len() / 2];
        if Vault::equal(encode(half).as_bytes(), hash.as_bytes()) {
            return Ok(());
        }
        Err(bad("the ID token came with another access token"))
    }
}

impl Claims {
    fn judge(&self, expected: &Expected<'_>) -> Result<(), Error> {
        if self.iss != expected.issuer {
            return Err(bad("the ID token is from another issuer"));
        }
        if !self.is_for(expected.client_id) {
            return Err(bad("the ID token is for somebody else"));
        }
        let nonce = self.nonce.as_deref().unwrap_or_default();
        if !Vault::equal(nonce.as_bytes(), expected.nonce.as_bytes()) {
            return Err(bad("the ID token belongs to another sign-in"));
        }
        if !(1..=255).contains(&self.sub.len()) {
            return Err(bad("the ID token says not about whom it is"));
        }
        self.in_time(expected.now)
    }

    /// Of several audiences one is said to have asked for it, and that one is this installation.
    fn is_for(&self, client_id: &str) -> bool {
        let (is_in, alone) = match &self.aud {
            Audience::One(one) => (one == client_id, true),
            Audience::Many(many) => (many.iter().any(|one| one == client_id), many.len() == 1),
        };
        is_in && self.azp.as_deref().map_or(alone, |azp| azp == client_id)
    }

    fn in_time(&self, now: Timestamp) -> Result<(), Error> {
        let unreadable = || bad("the ID token's time cannot be read");
        let expires_at = at(self.exp).ok_or_else(unreadable)?;
        let issued_at = at(self.iat).ok_or_else(unreadable)?;
        let begins_at = self.nbf.map_or(Some(issued_at), at).ok_or_else(unreadable)?;
        if now >= expires_at.after(LEEWAY) {
            return Err(bad("the ID token's time is over"));
        }
        if now.after(LEEWAY) < issued_at.max(begins_at) {
            return Err(bad("the ID token's time has not begun"));
        }
        Ok(())
    }

    fn person(self) -> Person {
        Person {
            subject: self.sub,
            name: self.name.or(self.preferred_username),
            email: self.email,
            email_verified: self.email_verified.is_some_and(|flag| flag.is_set()),
        }
    }
}

fn at(second: f64) -> Option<Timestamp> {
    if !(0.0..=LAST_SECOND).contains(&second) {
        return None;
    }
    Some(Timestamp::EPOCH.after(Duration::from_secs_f64(second)))
}
