//! How keys and refresh tokens are written and read. What was not made here is recognised without a look at storage.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codeflow_core::{KeyId, LoginId};
use secrecy::SecretString;

use crate::{Error, Vault};

const SECRET: usize = 32;
/// The part of a key's secret that comes from chance; the rest proves that the key was made here.
const CHANCE: usize = 24;
const CHARACTERS: usize = 43;

/// An API key: `cf_<environment>_<id>_<secret>`.
#[derive(Clone, Copy)]
pub(crate) struct KeyText {
    pub(crate) id: KeyId,
    pub(crate) secret: [u8; SECRET],
}

impl KeyText {
    /// How every key begins, and no access token.
    pub(crate) const PREFIX: &str = "cf_";

    pub(crate) fn make(vault: &Vault, id: KeyId) -> Result<Self, Error> {
        let mut secret = [0; SECRET];
        secret[..CHANCE].copy_from_slice(&Vault::random::<CHANCE>()?);
        let mut key = Self { id, secret };
        let proof = key.proof(vault)?;
        key.secret[CHANCE..].copy_from_slice(&proof);
        Ok(key)
    }

    /// Reads a key; `None` when it is not written as keys are.
    pub(crate) fn read(text: &str, environment: &str) -> Option<Self> {
        let rest = text.strip_prefix(Self::PREFIX)?.strip_prefix(environment)?.strip_prefix('_')?;
        let (id, secret) = rest.split_once('_')?;
        Some(Self { id: format!("key_{id}").parse().ok()?, secret: read_bytes(secret)? })
    }

    pub(crate) fn write(&self, environment: &str) -> SecretString {
        let id = self.id.uuid().simple();
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        format!("{}{environment}_{id}_{secret}", Self::PREFIX).into()
    }

    /// Whether it was made here, whatever storage knows of it.
    pub(crate) fn is_ours(&self, vault: &Vault) -> Result<bool, Error> {
        Ok(Vault::equal(&self.proof(vault)?, &self.secret[CHANCE..]))
    }

    /// What storage keeps of it.
    pub(crate) fn digest(&self, vault: &Vault) -> Result<[u8; 32], Error> {
        vault.digest("api key", &[self.id.uuid().as_bytes().as_slice(), &self.secret].concat())
    }

    fn proof(&self, vault: &Vault) -> Result<[u8; SECRET - CHANCE], Error> {
        let chance = &self.secret[..CHANCE];
        let whole =
            vault.digest("api key proof", &[self.id.uuid().as_bytes().as_slice(), chance].concat())?;
        let mut proof = [0; SECRET - CHANCE];
        proof.copy_from_slice(&whole[..SECRET - CHANCE]);
        Ok(proof)
    }
}

/// A refresh token: `cfr_<id of the sign-in>_<generation>_<secret>_<proof>`.
#[derive(Clone, Copy)]
pub(crate) struct RefreshText {
    pub(crate) login: LoginId,
    pub(crate) generation: i64,
    secret: [u8; SECRET],
}

impl RefreshText {
    /// How every refresh token begins.
    pub(crate) const PREFIX: &str = "cfr_";

    pub(crate) fn make(login: LoginId, generation: i64) -> Result<Self, Error> {
        Ok(Self { login, generation, secret: Vault::random()? })
    }

    /// Reads a refresh token that was made here; `None` when it was not.
    pub(crate) fn read(text: &str, vault: &Vault) -> Result<Option<Self>, Error> {
        let Some((token, proof)) = Self::parts(text) else { return Ok(None) };
        let is_ours = Vault::equal(&token.digest(vault, "refresh token proof")?, &proof);
        Ok(is_ours.then_some(token))
    }

    pub(crate) fn write(&self, vault: &Vault) -> Result<SecretString, Error> {
        let proof = URL_SAFE_NO_PAD.encode(self.digest(vault, "refresh token proof")?);
        let secret = URL_SAFE_NO_PAD.encode(self.secret);
        let (id, generation) = (self.login.uuid().simple(), self.generation);
        Ok(format!("{}{id}_{generation}_{secret}_{proof}", Self::PREFIX).into())
    }

    /// What storage keeps of it.
    pub(crate) fn kept(&self, vault: &Vault) -> Result<[u8; 32], Error> {
        self.digest(vault, "refresh token")
    }

    /// By length, because `_` is a character of both parts at the end.
    fn parts(text: &str) -> Option<(Self, [u8; 32])> {
        let (id, rest) = text.strip_prefix(Self::PREFIX)?.split_once('_')?;
        let (digits, rest) = rest.split_once('_')?;
        let (secret, proof) = rest.split_at_checked(CHARACTERS)?;
        let generation: i64 = digits.parse().ok()?;
        let is_plain = generation >= 0 && generation.to_string() == digits;
        let token =
            Self { login: format!("login_{id}").parse().ok()?, generation, secret: read_bytes(secret)? };
        is_plain.then_some((token, read_bytes(proof.strip_prefix('_')?)?))
    }

    fn digest(&self, vault: &Vault, purpose: &str) -> Result<[u8; 32], Error> {
        let (id, generation) = (self.login.uuid(), self.generation.to_be_bytes());
        vault.digest(purpose, &[id.as_bytes().as_slice(), &generation, &self.secret].concat())
    }
}

fn read_bytes(text: &str) -> Option<[u8; SECRET]> {
    if text.len() != CHARACTERS {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}
