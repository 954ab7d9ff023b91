//! What keeps secrets: keyed hashes, sealing, and randomness, all under one secret of the installation.

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac, rand};

use crate::{Error, ErrorKind};

const NONCE: usize = 12;

/// Hashes and seals. Each purpose has keys of its own, so that what was made for one is nothing for another.
pub struct Vault {
    root: hkdf::Prk,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault under this secret, which has at least 32 bytes and comes from chance.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when it is shorter.
    pub fn new(secret: &[u8]) -> Result<Self, Error> {
        if secret.len() < 32 {
            return Err(Error::new(ErrorKind::InvalidInput, "the secret has fewer than 32 bytes"));
        }
        Ok(Self { root: hkdf::Salt::new(hkdf::HKDF_SHA256, b"codeflow").extract(secret) })
    }

    /// Bytes from chance.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the system has none.
    pub fn random<const N: usize>() -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        let none = |_| Error::new(ErrorKind::Internal, "the system gives no random bytes");
        rand::fill(&mut bytes).map_err(none)?;
        Ok(bytes)
    }

    /// A keyed hash, HMAC with SHA-256.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal).
    pub fn digest(&self, purpose: &str, bytes: &[u8]) -> Result<[u8; 32], Error> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key(purpose)?);
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&key, bytes).as_ref());
        Ok(digest)
    }

    /// Whether two hashes are equal, in a time that does not depend on them.
    pub fn equal(one: &[u8], other: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(one, other).is_ok()
    }

    /// Encrypts and authenticates, with AES-256-GCM under a nonce from chance.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal).
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let fault = |_| Error::new(ErrorKind::Internal, "a secret cannot be sealed");
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.key(purpose)?).map_err(fault)?;
        let mut sealed = plain.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(purpose), &mut sealed).map_err(fault)?;
        let mut all = nonce.as_ref().to_vec();
        all.append(&mut sealed);
        Ok(all)
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when it was changed, or sealed under another secret or for another purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let fault = || {
            let text =
                "a sealed secret cannot be opened: it was sealed under another secret of the installation";
            Error::new(ErrorKind::Internal, text)
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE).ok_or_else(fault)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| fault())?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.key(purpose)?).map_err(|_| fault())?;
        let mut plain = sealed.to_vec();
        let length = key.open_in_place(nonce, Aad::from(purpose), &mut plain).map_err(|_| fault())?.len();
        plain.truncate(length);
        Ok(plain)
    }

    fn key(&self, purpose: &str) -> Result<[u8; 32], Error> {
        let fault = |_| Error::new(ErrorKind::Internal, "a key cannot be derived");
        let info = [purpose.as_bytes()];
        let derived = self.root.expand(&info, hkdf::HKDF_SHA256).map_err(fault)?;
        let mut key = [0; 32];
        derived.fill(&mut key).map_err(fault)?;
        Ok(key)
    }
}
