//! Anthropic's messages.

mod encode;
mod errors;
mod pass;
mod reply;
mod stream;

pub use stream::AnthropicStream;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, RawRequest, StreamEvent, Tap, WireFormat,
};
use http::{HeaderName, HeaderValue};

use crate::{Dialect, Frame, FrameTap, Mode, RawFrame, Signing, WireFailure, WireRequest, failure};

/// The format insists on a limit; this one is sent when a request has none.
const DEFAULT_MAX_TOKENS: u64 = 4096;

const PATH: &str = "/v1/messages";
const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");

/// The dialect of a provider that speaks Anthropic's messages.
#[derive(Clone, Debug)]
pub struct Anthropic {
    provider: String,
}

impl Anthropic {
    /// The dialect of `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into() }
    }
}

impl Dialect for Anthropic {
    type Stream = AnthropicStream;

    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            streaming: true,
            tools: true,
            parallel_tools: true,
            images: true,
            json_object: false,
            json_schema: true,
            thinking: true,
            seed: false,
            embeddings: false,
        }
    }

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError> {
        let name = HeaderName::from_static("x-api-key");
        failure::put_key(request, &self.provider, name, "", signing.credentials)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut AnthropicStream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        stream.frame(self, frame, out)
    }

    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError {
        errors::failure(&self.provider, failure)
    }

    fn passes(&self) -> Option<WireFormat> {
        Some(WireFormat::Messages)
    }

    fn forward(&self, request: &RawRequest) -> Result<WireRequest, ApiClientError> {
        pass::forward(self, request)
    }

    fn tap_body(&self, body: &[u8]) -> Result<Tap, ApiClientError> {
        pass::body(self, body)
    }

    fn tap_frame(
        &self,
        stream: &mut AnthropicStream,
        frame: RawFrame<'_>,
    ) -> Result<FrameTap, ApiClientError> {
        pass::frame(self, stream, frame)
    }
}
