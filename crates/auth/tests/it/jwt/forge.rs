//! An installation whose secret the test knows, so that it can sign whatever it likes.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codeflow_auth::{
    Claims, Error, SignedTokens, SigningKey, TokenSettings, TokenSources, TokenSubject, Tokens, Vault,
};
use codeflow_core::{Clock, LoginId, Tenant, UserId};
use codeflow_testkit::ManualClock;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::kept::Kept;

pub(super) const SECRET: &[u8] = b"a secret of an installation for tests";

/// An installation.
pub(super) struct World {
    pub(super) kept: Arc<Kept>,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) tokens: SignedTokens,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(settings())
    }

    pub(super) fn with(settings: TokenSettings) -> Self {
        let (kept, clock) = (Arc::<Kept>::default(), Arc::new(ManualClock::default()));
        let vault = Arc::new(Vault::new(SECRET).unwrap());
        let sources =
            TokenSources { store: kept.clone(), vault: Arc::clone(&vault), clock: Arc::clone(&clock) as _ };
        let tokens = SignedTokens::new(settings, sources).unwrap();
        Self { kept, vault, clock, tokens }
    }

    /// Another process over the same storage.
    pub(super) fn process(&self, settings: TokenSettings) -> SignedTokens {
        SignedTokens::new(settings, self.sources()).unwrap()
    }

    pub(super) fn sources(&self) -> TokenSources {
        TokenSources {
            store: self.kept.clone(),
            vault: Arc::clone(&self.vault),
            clock: Arc::clone(&self.clock) as _,
        }
    }

    pub(super) async fn issue(&self) -> String {
        token(&self.tokens).await
    }

    pub(super) async fn verify(&self, token: &str) -> Result<Claims, Error> {
        self.tokens.verify(token).await
    }

    /// The keys that are kept, in the order in which they were made.
    pub(super) fn keys(&self) -> Vec<SigningKey> {
        self.kept.keys.lock().unwrap().clone()
    }

    /// Signs with the first key.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        self.sign_parts(&encode(header), &encode(claims))
    }

    pub(super) fn sign_parts(&self, header: &str, claims: &str) -> String {
        let key = &self.keys()[0];
        let purpose = format!("signing-key:{}:{}", key.algorithm, key.id);
        let document = self.vault.open(&purpose, &key.secret).unwrap();
        let (algorithm, key) = match key.algorithm.as_str() {
            "EdDSA" => (Algorithm::EdDSA, EncodingKey::from_ed_der(&document)),
            _ => (Algorithm::ES256, EncodingKey::from_ec_der(&document)),
        };
        let signed = format!("{header}.{claims}");
        let signature = crypto::sign(signed.as_bytes(), &key, algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    pub(super) fn header(&self) -> Value {
        let key = &self.keys()[0];
        json!({"alg": key.algorithm, "typ": "at+jwt", "kid": key.id})
    }

    /// Claims that are right now.
    pub(super) fn claims(&self) -> Value {
        let now = self.now();
        json!({
            "iss": "codeflow", "aud": "codeflow", "sub": subject().user.to_string(), "tenant": "default",
            "sid": subject().login.to_string(), "jti": "one", "iat": now, "nbf": now, "exp": now + 900,
            "iat_micros": 0,
        })
    }

    /// The second that it is.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().micros() / 1_000_000
    }
}

pub(super) fn settings() -> TokenSettings {
    TokenSettings::default()
}

pub(super) async fn token(tokens: &SignedTokens) -> String {
    tokens.issue(&subject()).await.unwrap().token.expose_secret().to_owned()
}

pub(super) fn subject() -> TokenSubject {
    TokenSubject {
        user: UserId::from_uuid("0192f0c1a2b37c3d8e4f5a6b7c8d9e0f".parse().unwrap()),
        tenant: Tenant::default(),
        login: LoginId::from_uuid("0192f0c1a2b37c3d8e4f5a6b7c8d9e10".parse().unwrap()),
    }
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The same object with a member changed, or taken out.
pub(super) fn with(object: &Value, name: &str, value: impl Into<Option<Value>>) -> String {
    let mut object = object.as_object().unwrap().clone();
    match value.into() {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    Value::Object(object).to_string()
}
