//! What one wire format has to say. Whoever sends the bytes does it the same way for every format.

use codeflow_core::Timestamp;
use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, RawRequest,
    StreamEvent, Tap, WireFormat,
};
use codeflow_net::Pieces;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::{Credentials, Frame, RawFrame, failure};

/// One wire format: pure functions from our requests to bytes and from bytes to our replies. No I/O and no clock.
pub trait Dialect: Send + Sync + 'static {
    /// What has to be remembered between the frames of one stream.
    type Stream: Default + Send + Unpin + 'static;

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
    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError>;

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

    /// A request for vectors on the wire, without a key.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` when the format cannot say what is asked, or has no embeddings.
    fn encode_embed(&self, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
        Err(failure::unsupported(self.provider(), &request.model, "embeddings"))
    }

    /// How many inputs one request for vectors may hold; more are asked for in turn.
    fn embeds_at_once(&self, _model: &str) -> usize {
        usize::MAX
    }

    /// The vectors in a body that came with a good status, one for each of `request`'s inputs.
    ///
    /// # Errors
    ///
    /// `BadResponse`, or whatever error the body is.
    fn decode_embed(&self, request: &EmbedRequest, _body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        Err(failure::unsupported(self.provider(), &request.model, "embeddings"))
    }

    /// The public format in which requests are forwarded as they are.
    fn passes(&self) -> Option<WireFormat> {
        None
    }

    /// A request in that format on the wire, without a key. Nothing of the body is read again.
    ///
    /// # Errors
    ///
    /// `Internal` when [`passes`](Self::passes) does not name its format.
    fn forward(&self, request: &RawRequest) -> Result<WireRequest, ApiClientError> {
        Err(failure::not_forwarded(self.provider(), &request.model))
    }

    /// What a whole body in that format says about itself; it may be an error in spite of its good status.
    ///
    /// # Errors
    ///
    /// Whatever error the body is.
    fn tap_body(&self, _body: &[u8]) -> Result<Tap, ApiClientError> {
        Err(failure::not_forwarded(self.provider(), ""))
    }

    /// What one frame in that format says about itself.
    ///
    /// # Errors
    ///
    /// Whatever error the frame is.
    fn tap_frame(
        &self,
        _stream: &mut Self::Stream,
        _frame: RawFrame<'_>,
    ) -> Result<FrameTap, ApiClientError> {
        Err(failure::not_forwarded(self.provider(), ""))
    }

    /// What the client still has to be sent when the bytes end, if that completes the reply; otherwise it is cut.
    fn tap_end(&self, _stream: &mut Self::Stream) -> Option<&'static [u8]> {
        None
    }
}

/// What a request is signed with.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Who we are to the provider.
    pub credentials: &'a Credentials,
    /// Where the request goes, without its path.
    pub base: &'a Url,
    /// The present moment, for signatures that hold only for a while.
    pub now: Timestamp,
}

/// How streams are cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// Amazon's binary event stream.
    EventStream,
}

/// How a reply is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At once.
    Whole,
    /// Piece by piece.
    Stream,
}

/// What one frame of a stream that is handed on says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameTap {
    /// About the reply.
    pub tap: Tap,
    /// Whether the frame says nothing but what was used, so that a client who did not ask for it need not see it.
    pub is_usage_only: bool,
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
    pub body: Pieces,
}

impl WireRequest {
    /// A request with a JSON body.
    pub fn post(path: impl Into<String>, body: impl Into<Pieces>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Self { method: Method::POST, path: path.into(), headers, body: body.into() }
    }
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
