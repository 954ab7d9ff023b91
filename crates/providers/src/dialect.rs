//! What one wire format has to say. Whoever sends the bytes does it the same way for every format.

use bytes::Bytes;
use codeflow_model::{ApiClientError, Capabilities, ChatRequest, ChatResponse, StreamEvent};
use http::{HeaderMap, Method, StatusCode};

use crate::Frame;

/// One wire format: pure functions from our requests to bytes and from bytes to our replies. No I/O and no clock.
pub trait Dialect: Send + Sync + 'static {
    /// What has to be remembered between the frames of one stream.
    type Stream: Default + Send + 'static;

    /// The provider's name, as errors and thoughts carry it.
    fn provider(&self) -> &str;

    /// What the format can carry.
    fn capabilities(&self) -> Capabilities;

    /// How streams are cut into frames.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// The request on the wire, without a key.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` when the format cannot say what is asked.
    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError>;

    /// Puts the key on the request.
    ///
    /// # Errors
    ///
    /// `Authentication` when the key cannot be sent.
    fn sign(&self, request: &mut WireRequest, key: &str) -> Result<(), ApiClientError>;

    /// The reply in a whole body that came with a good status; it may still be an error.
    ///
    /// # Errors
    ///
    /// `BadResponse`, or whatever error the body is.
    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError>;

    /// What one frame says, appended to `out`.
    ///
    /// # Errors
    ///
    /// `BadResponse`, or whatever error the frame is.
    fn decode_frame(
        &self,
        stream: &mut Self::Stream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError>;

    /// What the end of the bytes says. It completes a reply only in formats without a closing frame.
    fn decode_end(&self, _stream: &mut Self::Stream, _out: &mut Vec<StreamEvent>) {}

    /// The error in a reply with a bad status.
    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError;
}

/// How streams are cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
}

/// How a reply is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    Whole,
    /// Piece by piece.
    Stream,
}

/// A request on the wire.
#[derive(Clone, Debug)]
pub struct WireRequest {
    /// The method.
    pub method: Method,
    /// What follows the provider's base URL; begins with a slash.
    pub path: String,
    /// The headers that the format asks for.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A reply with a bad status.
#[derive(Clone, Copy, Debug)]
pub struct WireFailure<'a> {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, or its beginning.
    pub body: &'a [u8],
}
