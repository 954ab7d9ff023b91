//! Anthropic's messages as its SDKs speak them.

mod blocks;
mod conversation;
mod encode;
mod event;
mod settings;
mod stream;
mod thoughts;

pub use stream::MessagesStream;

use codeflow_model::{ChatRequest, ChatResponse};

use crate::fields::Fields;
use crate::{Decoded, Error, Stamp, sse};

/// A call's arguments that are no JSON object travel under this name inside one, which this format insists on; and
/// come back as they were.
const UNREADABLE: &str = "_unreadable_arguments";

/// The wire format of `POST /v1/messages` and `POST /v1/messages/count_tokens`.
#[derive(Clone, Copy, Debug)]
pub struct Messages;

impl Messages {
    /// Reads a request. It is strict about what it knows; fields that it does not know are named in
    /// [`Decoded::dropped`], for only a provider that speaks this very format could make something of them.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidJson`]; `InvalidField` and `UnsupportedField`, which name the field.
    pub fn decode(body: &[u8]) -> Result<Decoded, Error> {
        let mut fields = Fields::of_body(body)?;
        let limit = fields.need("max_tokens")?.read("must be a whole number that is not negative")?;
        let mut decoded = decode(fields)?;
        decoded.request.max_output_tokens = Some(limit);
        Ok(decoded)
    }

    /// Reads a request to count tokens: the same without a limit.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_count(body: &[u8]) -> Result<Decoded, Error> {
        decode(Fields::of_body(body)?)
    }

    /// Whether a body may hold signatures that carry the name of the provider whose they are.
    pub(crate) fn may_be_marked(body: &[u8]) -> bool {
        thoughts::may_be_marked(body)
    }

    /// Writes a whole reply. Numbers that are unknown are zero here, because the format has no other way to say it.
    pub fn encode(response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
        encode::response(response, stamp)
    }

    /// Writes the answer to a request to count tokens.
    pub fn encode_count(input_tokens: u64) -> Vec<u8> {
        let mut out = Vec::new();
        sse::json(&mut out, &serde_json::json!({ "input_tokens": input_tokens }));
        out
    }
}

fn decode(mut fields: Fields<'_, '_>) -> Result<Decoded, Error> {
    let mut dropped = Vec::new();
    settings::refuse(&mut fields)?;
    let model = fields.need("model")?.string()?;
    let mut messages = Vec::new();
    if let Some(system) = fields.take("system") {
        messages.extend(conversation::system(system, &mut dropped)?);
    }
    let turns = fields.need("messages")?.each(|node| conversation::turn(node, &mut dropped))?;
    messages.extend(turns.into_iter().flatten());
    let mut request = ChatRequest::new(model, messages);
    settings::read(&mut fields, &mut request, &mut dropped)?;
    let stream = fields.flag("stream")?.unwrap_or(false);
    fields.drop_rest(&mut dropped);
    Ok(Decoded { request, stream, wants_usage: true, dropped })
}
