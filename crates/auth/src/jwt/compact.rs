//! The compact form of a signed token, taken apart strictly. Nothing in it is believed yet.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind};

/// A token in its parts. There is one way to write each: base64 without padding, blanks, or bits that mean nothing.
pub(crate) struct Compact<'a> {
    /// What the signature covers.
    pub(crate) signed: &'a str,
    /// The header, in JSON.
    pub(crate) header: Vec<u8>,
    /// The claims, in JSON.
    pub(crate) payload: Vec<u8>,
    /// The signature, in base64.
    pub(crate) signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Takes a token apart that has at most `most` bytes.
    pub(crate) fn read(token: &'a str, most: usize) -> Result<Self, Error> {
        if token.len() > most {
            return Err(malformed("the token is too long"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or_else(|| malformed("this is no token"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| malformed("this is no token"))?;
        // More dots are in `payload`, and no base64.
        let (header, payload) = (part(header)?, part(payload)?);
        part(signature)?;
        Ok(Self { signed, header, payload, signature })
    }
}

fn part(text: &str) -> Result<Vec<u8>, Error> {
    if text.is_empty() {
        return Err(malformed("a part of the token is empty"));
    }
    decode(text).ok_or_else(|| malformed("a part of the token is no base64url"))
}

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Reads a JSON object. Members that the type has come once: serde refuses the second.
pub(crate) fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    // Serde reads a list as a structure, too.
    if json.first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(json).ok()
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn malformed(context: &str) -> Error {
    Error::new(ErrorKind::MalformedCredential, context)
}
