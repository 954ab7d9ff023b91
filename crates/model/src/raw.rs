//! Requests and replies that stay in the bytes of a public wire format, so that nothing is lost or done twice when
//! client and provider speak the same one.

use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;

use crate::{ApiClientError, Usage};

/// A public wire format that clients speak to us, and some providers too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireFormat {
    /// OpenAI's chat completions.
    ChatCompletions,
    /// Anthropic's messages.
    Messages,
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// What the body is written in.
    pub format: WireFormat,
    /// The body: one JSON object.
    pub body: Bytes,
    /// Where in the body the value of `model` stands, its quotes included.
    pub model_at: Range<usize>,
    /// The model to ask, by the provider's own name for it; it replaces the one in the body where they differ.
    pub model: String,
    /// Whether the reply is wanted piece by piece.
    pub stream: bool,
    /// Where in the body the value of `stream_options` stands. A provider that tells its usage only on request is
    /// asked for it; the frame that answers is kept from a client that did not ask.
    pub stream_options_at: Option<Range<usize>>,
    /// Whether the client asked to be told the usage in the stream.
    pub wants_usage: bool,
    /// Headers of the client's that mean something to the provider, in lower case: `anthropic-beta` and its like.
    pub headers: Vec<(&'static str, String)>,
}

/// A reply in the provider's own format.
pub enum RawReply {
    /// The whole body, which is not an error.
    Whole {
        /// The body.
        body: Bytes,
        /// What it says about itself.
        tap: Tap,
    },
    /// Piece by piece.
    Stream(RawStream),
}

/// Whole frames of a reply, as they came. It is complete when a tap said `finished`; an error is the last item.
/// Dropping the stream ends the call.
pub type RawStream = Pin<Box<dyn Stream<Item = Result<RawPiece, ApiClientError>> + Send>>;

/// One or more whole frames of a stream.
#[derive(Clone, Debug, Default)]
pub struct RawPiece {
    /// What the client gets; empty when the piece only told us something.
    pub bytes: Bytes,
    /// What it says about itself.
    pub tap: Tap,
}

/// What was read in passing from bytes that are handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tap {
    /// What was used until now; `None` when the bytes do not say.
    pub usage: Option<Usage>,
    /// How many frames held words, thoughts or tool calls.
    pub said: u32,
    /// Whether the reply is complete.
    pub finished: bool,
}
