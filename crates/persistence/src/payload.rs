//! Where JSON goes: small payloads stay in their row, large ones go to `blob`, once, under their hash.

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_core::execution::{Fact, Settled};
use codeflow_engine::{Error, ErrorKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::error::corrupt;

/// A payload of more bytes than this is stored apart.
const INLINE_BYTES: usize = 8 * 1024;

/// Large payloads by their hash, in the order in which everybody writes them: so nobody deadlocks.
pub(crate) type Blobs = BTreeMap<Vec<u8>, String>;

/// The two columns of a payload. Both are empty when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) text: Option<String>,
    pub(crate) hash: Option<Vec<u8>>,
}

impl Payload {
    /// Keeps a value in its row, or among `blobs`.
    pub(crate) fn pack(value: &impl Serialize, blobs: &mut Blobs) -> Result<Self, Error> {
        let text = to_text(value)?;
        if text.len() <= INLINE_BYTES {
            return Ok(Self { text: Some(text), hash: None });
        }
        let hash = Sha256::digest(text.as_bytes()).to_vec();
        blobs.insert(hash.clone(), text);
        Ok(Self { text: None, hash: Some(hash) })
    }

    /// Keeps a value if there is one.
    pub(crate) fn pack_option(value: Option<&Value>, blobs: &mut Blobs) -> Result<Self, Error> {
        value.map_or_else(|| Ok(Self::default()), |value| Self::pack(value, blobs))
    }

    /// The value, given the blobs that its row names.
    pub(crate) fn unpack(self, blobs: &Blobs) -> Result<Option<Value>, Error> {
        match (self.text, self.hash) {
            (Some(text), _) => from_text(&text).map(Some),
            (None, Some(hash)) => match blobs.get(&hash) {
                Some(text) => from_text(text).map(Some),
                None => Err(Error::new(ErrorKind::Corrupt, "a stored payload is missing")),
            },
            (None, None) => Ok(None),
        }
    }
}

/// Writes a value as JSON text.
pub(crate) fn to_text(value: &impl Serialize) -> Result<String, Error> {
    let invalid =
        |source| Error::with_source(ErrorKind::InvalidInput, "a value cannot be stored as JSON", source);
    serde_json::to_string(value).map_err(invalid)
}

/// Reads a value from JSON text.
pub(crate) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|source| corrupt("stored JSON cannot be read", source))
}

/// A fact as its row has it: what may be large is apart from the rest.
pub(crate) fn pack_fact(fact: &Fact, blobs: &mut Blobs) -> Result<(String, Payload), Error> {
    let (rest, payload) = match fact {
        Fact::Settled(settled) => {
            let rest = Fact::Settled(Settled { outputs: None, ..settled.clone() });
            (rest, Payload::pack_option(settled.outputs.as_deref(), blobs)?)
        }
        Fact::Compensated(settled) => {
            let rest = Fact::Compensated(Settled { outputs: None, ..settled.clone() });
            (rest, Payload::pack_option(settled.outputs.as_deref(), blobs)?)
        }
        Fact::Expanded { step, items } => {
            let rest = Fact::Expanded { step: step.clone(), items: Arc::default() };
            (rest, Payload::pack(items, blobs)?)
        }
        Fact::Signalled { message, event, payload } => {
            let rest = Fact::Signalled { message: *message, event: event.clone(), payload: Arc::default() };
            (rest, Payload::pack(payload, blobs)?)
        }
        Fact::Waiting { .. }
        | Fact::Decided { .. }
        | Fact::Cancelled { .. }
        | Fact::DeadlinePassed
        | Fact::Restarted { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. }
        | Fact::Held { .. }
        | Fact::Called { .. }
        | Fact::CalledBy(_)
        | Fact::Compensating => return Ok((to_text(fact)?, Payload::default())),
    };
    Ok((to_text(&rest)?, payload))
}

/// The fact that a row holds.
pub(crate) fn unpack_fact(text: &str, payload: Payload, blobs: &Blobs) -> Result<Fact, Error> {
    let mut fact: Fact = from_text(text)?;
    let Some(value) = payload.unpack(blobs)? else {
        return Ok(fact);
    };
    match &mut fact {
        Fact::Settled(settled) | Fact::Compensated(settled) => settled.outputs = Some(Arc::new(value)),
        Fact::Expanded { items, .. } => match value {
            Value::Array(values) => *items = Arc::new(values),
            _ => return Err(Error::new(ErrorKind::Corrupt, "the items of a repeated step are no list")),
        },
        Fact::Signalled { payload, .. } => *payload = Arc::new(value),
        Fact::Waiting { .. }
        | Fact::Decided { .. }
        | Fact::Cancelled { .. }
        | Fact::DeadlinePassed
        | Fact::Restarted { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. }
        | Fact::Held { .. }
        | Fact::Called { .. }
        | Fact::CalledBy(_)
        | Fact::Compensating => {}
    }
    Ok(fact)
}
