//! The choice between the two formats, for those who serve both alike.

use codeflow_core::Timestamp;
use codeflow_model::{ApiClientError, ChatResponse, StreamEvent, WireFormat};

use crate::{ChatCompletions, ChatCompletionsStream, Decoded, Error, Failure, Messages, MessagesStream};

/// What a reply is stamped with, because only the caller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The id of a reply to which the provider gave none.
    pub id: String,
    /// The model of a reply that does not name it.
    pub model: String,
    /// When the reply began.
    pub created: Timestamp,
}

/// Reads a request in either format.
///
/// # Errors
///
/// [`crate::ErrorKind::InvalidJson`], `InvalidField` or `UnsupportedField`.
pub fn decode_chat(format: WireFormat, body: &[u8]) -> Result<Decoded, Error> {
    match format {
        WireFormat::ChatCompletions => ChatCompletions::decode(body),
        WireFormat::Messages => Messages::decode(body),
    }
}

/// Writes a whole reply in either format.
pub fn encode_chat(format: WireFormat, response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
    match format {
        WireFormat::ChatCompletions => ChatCompletions::encode(response, stamp),
        WireFormat::Messages => Messages::encode(response, stamp),
    }
}

/// Writes a reply piece by piece in either format.
#[derive(Debug)]
pub enum ReplyStream {
    /// OpenAI's.
    ChatCompletions(ChatCompletionsStream),
    /// Anthropic's.
    Messages(MessagesStream),
}

impl ReplyStream {
    /// The start of a reply. `wants_usage` plays no part where every stream tells its usage.
    pub fn new(format: WireFormat, stamp: Stamp, wants_usage: bool) -> Self {
        match format {
            WireFormat::ChatCompletions => {
                Self::ChatCompletions(ChatCompletionsStream::new(stamp, wants_usage))
            }
            WireFormat::Messages => Self::Messages(MessagesStream::new(stamp)),
        }
    }

    /// Appends what the next piece is on the wire, which may be nothing yet. Nothing follows the end.
    ///
    /// # Errors
    ///
    /// [`codeflow_model::ErrorKind::BadResponse`] when the piece does not fit those before it; tell the client with
    /// [`fail`](Self::fail).
    pub fn push(&mut self, event: &StreamEvent, out: &mut Vec<u8>) -> Result<(), ApiClientError> {
        match self {
            Self::ChatCompletions(stream) => stream.push(event, out),
            Self::Messages(stream) => stream.push(event, out),
        }
    }

    /// Ends a reply that broke, in a way that nobody can take for a normal end.
    pub fn fail(&mut self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        match self {
            Self::ChatCompletions(stream) => stream.fail(failure, out),
            Self::Messages(stream) => stream.fail(failure, request_id, out),
        }
    }

    /// Shows the client that the connection lives while the model says nothing.
    pub fn keep_alive(&self, out: &mut Vec<u8>) {
        match self {
            Self::ChatCompletions(stream) => stream.keep_alive(out),
            Self::Messages(stream) => stream.keep_alive(out),
        }
    }
}
