//! OpenAI's chat completions as its SDKs speak them.

mod conversation;
mod encode;
mod settings;
mod stream;

pub use stream::ChatCompletionsStream;

use codeflow_model::{ChatRequest, ChatResponse};

use crate::fields::Fields;
use crate::{Decoded, Error, Stamp};

/// The wire format of `POST /v1/chat/completions`.
#[derive(Clone, Copy, Debug)]
pub struct ChatCompletions;

impl ChatCompletions {
    /// Reads a request. It is strict about what it knows; fields that it does not know are named in
    /// [`Decoded::dropped`], for only a provider that speaks this very format could make something of them.
    ///
    /// # Errors
    ///
    /// [`crate::ErrorKind::InvalidJson`]; `InvalidField` and `UnsupportedField`, which name the field.
    pub fn decode(body: &[u8]) -> Result<Decoded, Error> {
        let mut fields = Fields::of_body(body)?;
        let mut dropped = Vec::new();
        settings::refuse(&mut fields)?;
        let model = fields.need("model")?.string()?;
        let messages = fields.need("messages")?;
        let messages = messages.each(|node| conversation::message(node, &mut dropped))?;
        let mut request = ChatRequest::new(model, messages);
        settings::read(&mut fields, &mut request, &mut dropped)?;
        let stream = fields.flag("stream")?.unwrap_or(false);
        let wants_usage = settings::wants_usage(&mut fields, &mut dropped)?;
        fields.drop_rest(&mut dropped);
        Ok(Decoded { request, stream, wants_usage, dropped })
    }

    /// Writes a whole reply. Of thoughts only readable words have a place: `reasoning_content`.
    pub fn encode(response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
        encode::response(response, stamp)
    }
}
