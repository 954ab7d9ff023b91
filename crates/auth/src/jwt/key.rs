//! One signing key: made, sealed, opened, published. When it signs is not decided here.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use codeflow_core::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};

use super::compact::encode;
use crate::{Error, ErrorKind, SigningKey, Vault};

const KID_BYTES: usize = 12;
/// How many characters the name of a key has.
pub(super) const KID_LENGTH: usize = 16;

/// The kinds of keys that are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    EdDsa,
    Es256,
}

/// When a key signs, and until when its tokens are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) signs_from: Timestamp,
    pub(super) signs_until: Timestamp,
    pub(super) accepted_until: Timestamp,
}

/// A key that can be used.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    /// The algorithm as tokens write it.
    pub(super) name: &'static str,
    pub(super) signs: EncodingKey,
    pub(super) verifies: DecodingKey,
    /// What is published of it.
    pub(super) public: Option<Value>,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::EdDsa, Self::Es256].into_iter().find(|kind| kind.name() == name)
    }

    /// Makes a key.
    pub(super) fn make(self, vault: &Vault, window: Window) -> Result<SigningKey, Error> {
        let id = encode(Vault::random::<KID_BYTES>()?);
        let document = self.generate()?;
        let key = self.read(&id, &document)?;
        Ok(SigningKey {
            secret: vault.seal(&self.purpose(&id), &document)?,
            public: key.public.unwrap_or_default().to_string(),
            algorithm: self.name().to_owned(),
            signs_from: window.signs_from,
            signs_until: window.signs_until,
            accepted_until: window.accepted_until,
            id,
        })
    }

    /// The algorithm is in the purpose, so that a key can never be taken for one of another kind.
    fn purpose(self, id: &str) -> String {
        format!("signing-key:{}:{id}", self.name())
    }

    fn generate(self) -> Result<Vec<u8>, Error> {
        let fault = |_| Error::new(ErrorKind::Internal, "a signing key cannot be made");
        let document = match self {
            Self::EdDsa => Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8()),
            Self::Es256 => {
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).and_then(|pair| pair.to_pkcs8v1())
            }
        };
        Ok(document.map_err(fault)?.as_ref().to_vec())
    }

    fn read(self, id: &str, document: &[u8]) -> Result<Key, Error> {
        let fault = |_| Error::new(ErrorKind::Internal, "a signing key cannot be read");
        let id = id.to_owned();
        match self {
            Self::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(document).map_err(fault)?;
                let x = pair.public_key().as_ref();
                let public = json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA",
                    "kid": id, "x": encode(x)});
                let (signs, verifies) = (EncodingKey::from_ed_der(document), DecodingKey::from_ed_der(x));
                Ok(Key {
                    id,
                    algorithm: Algorithm::EdDSA,
                    name: self.name(),
                    signs,
                    verifies,
                    public: Some(public),
                })
            }
            Self::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document);
                let pair = pair.map_err(fault)?;
                let point = pair.public_key().as_ref();
                // An uncompressed point: a byte that says so, and two numbers of 32 bytes.
                let (x, y) = point[1..].split_at(32);
                let public = json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
                    "kid": id, "x": encode(x), "y": encode(y)});
                let (signs, verifies) = (EncodingKey::from_ec_der(document), DecodingKey::from_ec_der(point));
                Ok(Key {
                    id,
                    algorithm: Algorithm::ES256,
                    name: self.name(),
                    signs,
                    verifies,
                    public: Some(public),
                })
            }
        }
    }
}

impl Key {
    /// Opens a key that was kept. What is published comes from what was sealed: whoever can write to storage cannot put a
    /// key of theirs in its place.
    pub(super) fn open(kept: &SigningKey, vault: &Vault) -> Result<Self, Error> {
        let kind = Kind::named(&kept.algorithm)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a signing key has an unknown algorithm"))?;
        let document = vault.open(&kind.purpose(&kept.id), &kept.secret)?;
        kind.read(&kept.id, &document)
    }

    /// The key that settings hold. Its name comes from the secret, so that all processes call it the same.
    pub(super) fn shared(secret: &[u8], vault: &Vault) -> Result<Self, Error> {
        let digest = vault.digest("signing-key:HS256", secret)?;
        Ok(Self {
            id: encode(&digest[..KID_BYTES]),
            algorithm: Algorithm::HS256,
            name: "HS256",
            signs: EncodingKey::from_secret(secret),
            verifies: DecodingKey::from_secret(secret),
            public: None,
        })
    }
}
