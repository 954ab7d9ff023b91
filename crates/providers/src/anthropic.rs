//! Anthropic's messages.

mod encode;
mod errors;
mod reply;
mod stream;

pub use stream::AnthropicStream;

use codeflow_model::{ApiClientError, Capabilities, ChatRequest, ChatResponse, StreamEvent};
use http::HeaderName;

use crate::{Dialect, Frame, Mode, WireFailure, WireRequest, failure};

/// The format insists on a limit; this one is sent when a request has none.
const DEFAULT_MAX_TOKENS: u64 = 4096;

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
        }
    }

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    fn sign(&self, request: &mut WireRequest, key: &str) -> Result<(), ApiClientError> {
        failure::put_key(request, &self.provider, HeaderName::from_static("x-api-key"), key)
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
}
