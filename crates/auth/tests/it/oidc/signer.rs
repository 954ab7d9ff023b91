//! The keys of the issuer that tests sign in with.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static OTHER_RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
static EC: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());
static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

/// With what a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Rs256,
    Ps256,
    Es256,
    EdDsa,
    /// A key that is not published, under the name of one that is.
    Stranger,
    /// The published key, as the secret of a keyed hash.
    PublicKeyAsSecret,
    /// The client's secret, as OpenID Connect allows.
    ClientSecret,
    /// Nothing.
    None,
}

impl Sign {
    /// The header of a token that is signed so.
    pub(super) fn header(self) -> Value {
        let (alg, kid) = match self {
            Self::Rs256 | Self::Stranger => ("RS256", "rsa"),
            Self::Ps256 => ("PS256", "rsa"),
            Self::Es256 => ("ES256", "ec"),
            Self::EdDsa => ("EdDSA", "ed"),
            Self::PublicKeyAsSecret | Self::ClientSecret => ("HS256", "rsa"),
            Self::None => ("none", "rsa"),
        };
        json!({"alg": alg, "kid": kid, "typ": "JWT"})
    }

    pub(super) fn token(self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let hashed = |secret: &[u8]| {
            crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap()
        };
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rs256 => rsa(&RSA, &RSA_PKCS1_SHA256, &signed),
            Self::Stranger => rsa(&OTHER_RSA, &RSA_PKCS1_SHA256, &signed),
            Self::Ps256 => rsa(&RSA, &RSA_PSS_SHA256, &signed),
            Self::Es256 => encode(EC.sign(&random, signed.as_bytes()).unwrap()),
            Self::EdDsa => encode(ED.sign(signed.as_bytes())),
            Self::PublicKeyAsSecret => hashed(jwks().to_string().as_bytes()),
            Self::ClientSecret => hashed(super::world::CLIENT_SECRET.as_bytes()),
            Self::None => String::new(),
        };
        format!("{signed}.{signature}")
    }
}

fn rsa(key: &RsaKeyPair, encoding: &'static dyn RsaEncoding, text: &str) -> String {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(encoding, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    encode(signature)
}

/// What is published.
pub(super) fn jwks() -> Value {
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(RSA.public_key());
    let (n, e) = (encode(public.n), encode(public.e));
    let point = EC.public_key().as_ref();
    json!({"keys": [
        {"kty": "RSA", "kid": "rsa", "use": "sig", "n": n, "e": e},
        {"kty": "RSA", "kid": "for-encryption", "use": "enc", "n": n, "e": e},
        {"kty": "EC", "kid": "ec", "crv": "P-256", "alg": "ES256", "x": encode(&point[1..33]), "y": encode(&point[33..])},
        {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encode(ED.public_key())},
        {"kty": "EC", "kid": "unknown-curve", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "shared", "k": encode("a secret that nobody should publish")},
        {"kid": 7},
        "no key",
    ]})
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
