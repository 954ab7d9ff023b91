//! Access tokens as JWT: signed with keys that are made, kept, published and replaced here, and verified without a look at
//! storage. Whether one was revoked is decided elsewhere.

pub(crate) mod compact;
mod key;
mod payload;
mod ring;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::Clock;
use jsonwebtoken::crypto;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use self::compact::{Compact, encode, object};
use self::key::{Key, Kind};
use self::payload::{Header, Judge, Payload, TYPE, invalid};
use self::ring::KeyRing;
use crate::{Claims, Error, ErrorKind, IssuedToken, TokenSubject, Tokens, Vault};

pub use self::settings::{Signing, TokenSettings, TokenSources};

/// No token of ours is longer.
const LONGEST: usize = 4 * 1024;

/// How often the keys are read. One that was withdrawn is refused everywhere after two of them at the latest.
const BETWEEN_READS: Duration = Duration::from_secs(2);

/// Issues and verifies access tokens that are signed.
pub struct SignedTokens {
    settings: TokenSettings,
    clock: Arc<dyn Clock>,
    ring: KeyRing,
    shared: Option<Arc<Key>>,
}

impl std::fmt::Debug for SignedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedTokens").finish_non_exhaustive()
    }
}

impl SignedTokens {
    /// Tokens as settings want them. Nothing is read yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the setting that is wrong.
    pub fn new(settings: TokenSettings, sources: TokenSources) -> Result<Self, Error> {
        settings.check()?;
        let (makes, shared) = match &settings.signing {
            Signing::EdDsa => (Some(Kind::EdDsa), None),
            Signing::Es256 => (Some(Kind::Es256), None),
            Signing::Hs256(secret) => {
                let key = Key::shared(secret.expose_secret().as_bytes(), &sources.vault)?;
                (None, Some(Arc::new(key)))
            }
        };
        let clock = Arc::clone(&sources.clock);
        Ok(Self { ring: KeyRing::new(&settings, makes, sources), settings, clock, shared })
    }

    /// The public keys of all tokens that are accepted or will be, as JWKS. Keys that settings hold are not in it.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when they were never read.
    pub async fn jwks(&self) -> Result<Value, Error> {
        let keys = self.ring.published().await?;
        let public: Vec<Value> = keys.iter().filter_map(|key| key.public.clone()).collect();
        Ok(json!({ "keys": public }))
    }

    /// Takes a key back that others may know: its tokens are refused here at once, and in all processes within five
    /// seconds. False when there is none with this name. A key that settings hold is taken back by changing them.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn withdraw(&self, id: &str) -> Result<bool, Error> {
        self.ring.withdraw(id).await
    }

    /// Reads the keys now, and makes one that is due.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn refresh(&self) -> Result<(), Error> {
        self.ring.refresh().await
    }

    /// Reads the keys every two seconds until it is told to stop, and makes those that are due. While storage is away,
    /// the keys that are known are used.
    pub async fn watch(&self, stop: CancellationToken) {
        let mut fails = false;
        loop {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.ring.refresh() => outcome,
            };
            match outcome {
                Ok(()) => fails = false,
                Err(error) if !fails => {
                    tracing::warn!(error = %error, "the signing keys cannot be read; those that are known are used");
                    fails = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(BETWEEN_READS) => {}
            }
        }
    }

    async fn key(&self, id: &str) -> Result<Arc<Key>, Error> {
        let key = match &self.shared {
            Some(key) if key.id == id => Some(Arc::clone(key)),
            Some(_) | None => self.ring.find(id).await?,
        };
        key.ok_or_else(unknown)
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            issuer: &self.settings.issuer,
            audience: &self.settings.audience,
            leeway: self.settings.leeway,
            now: self.clock.now(),
        }
    }
}

#[async_trait]
impl Tokens for SignedTokens {
    async fn issue(&self, subject: &TokenSubject) -> Result<IssuedToken, Error> {
        let key = match &self.shared {
            Some(key) => Arc::clone(key),
            None => self.ring.signer().await?,
        };
        let header = Header { alg: key.name.to_owned(), typ: TYPE.to_owned(), kid: key.id.clone() };
        let jti = encode(Vault::random::<16>()?);
        let payload = Payload::issue(subject, &self.judge(), jti, self.settings.lifetime);
        let fault = |source| Error::with_source(ErrorKind::Internal, "a token cannot be written", source);
        let header = serde_json::to_vec(&header).map_err(fault)?;
        let claims = serde_json::to_vec(&payload).map_err(fault)?;
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = crypto::sign(signed.as_bytes(), &key.signs, key.algorithm)
            .map_err(|source| Error::with_source(ErrorKind::Internal, "a token cannot be signed", source))?;
        let token = SecretString::from(format!("{signed}.{signature}"));
        Ok(IssuedToken { token, expires_at: payload.expires_at() })
    }

    async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let compact = Compact::read(token, LONGEST)?;
        let header: Header =
            object(&compact.header).ok_or_else(|| malformed("the token's header is not one of ours"))?;
        if header.typ != TYPE {
            return Err(malformed("this is no access token"));
        }
        let key = self.key(&header.kid).await?;
        // What the token says its algorithm is decides nothing: a difference shows that the token is not ours.
        if header.alg != key.name {
            return Err(unknown());
        }
        // An error here is a signature that cannot be one of this key.
        if !crypto::verify(compact.signature, compact.signed.as_bytes(), &key.verifies, key.algorithm)
            .unwrap_or(false)
        {
            return Err(Error::new(ErrorKind::BadSignature, "the token's signature is not ours"));
        }
        let payload: Payload = object(&compact.payload).ok_or_else(invalid)?;
        payload.judge(&self.judge())
    }
}

fn malformed(context: &str) -> Error {
    Error::new(ErrorKind::MalformedCredential, context)
}

fn unknown() -> Error {
    Error::new(ErrorKind::UnknownSigningKey, "the token names a key or an algorithm that is not ours")
}
