//! The public keys of an issuer, and which of them verifies a token.

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use crate::jwt::compact::decode;

/// No issuer has so many.
const MOST: usize = 100;

/// Keys as JWKS has them. One that cannot be read is none, so that issuers may have keys that nobody knows here.
#[derive(Deserialize)]
pub(super) struct WireKeys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct WireKey {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys of an issuer that can be used.
#[derive(Clone, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Clone)]
struct Key {
    kid: Option<String>,
    alg: Option<String>,
    verifies: DecodingKey,
}

impl From<WireKeys> for Keys {
    fn from(wire: WireKeys) -> Self {
        let read = |value| serde_json::from_value::<WireKey>(value).ok().and_then(Key::read);
        Self(wire.keys.into_iter().take(MOST).filter_map(read).collect())
    }
}

impl Keys {
    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The key for a token with this header. A token that names none is verified by the one key that fits, if it is one.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        (algorithm, name): (Algorithm, &str),
    ) -> Option<&DecodingKey> {
        let mut fitting = self.0.iter().filter(|key| {
            key.verifies.family() == algorithm.family()
                && key.alg.as_deref().is_none_or(|alg| alg == name)
                && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid))
        });
        let found = fitting.next()?;
        fitting.next().is_none().then_some(&found.verifies)
    }
}

impl Key {
    fn read(wire: WireKey) -> Option<Self> {
        if wire.usage.is_some_and(|usage| usage != "sig") {
            return None;
        }
        let verifies = match (wire.kty.as_str(), wire.crv.as_deref()) {
            ("RSA", None) => {
                let (n, e) = (decode(&wire.n?)?, decode(&wire.e?)?);
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(&wire.x?)?, decode(&wire.y?)?);
                DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat())
            }
            ("OKP", Some("Ed25519")) => DecodingKey::from_ed_der(&decode(&wire.x?)?),
            (_, _) => return None,
        };
        Some(Self { kid: wire.kid, alg: wire.alg, verifies })
    }
}

/// The algorithms that are verified here, if a service says that it uses them. None has a secret for a key.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    let known = [
        ("RS256", Algorithm::RS256),
        ("PS256", Algorithm::PS256),
        ("ES256", Algorithm::ES256),
        ("EdDSA", Algorithm::EdDSA),
    ];
    known.into_iter().find(|(known, _)| *known == name).map(|(_, algorithm)| algorithm)
}

/// The hash of an algorithm, with which it binds an access token to an ID token.
pub(super) fn digest(algorithm: Algorithm) -> &'static aws_lc_rs::digest::Algorithm {
    match algorithm.family() {
        AlgorithmFamily::Ed => &aws_lc_rs::digest::SHA512,
        AlgorithmFamily::Hmac | AlgorithmFamily::Rsa | AlgorithmFamily::Ec => &aws_lc_rs::digest::SHA256,
    }
}
