//! Ollama's own format.

mod encode;
mod errors;
mod reply;

pub use reply::OllamaStream;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, StreamEvent,
};
use http::header;

use crate::{Dialect, Frame, Framing, Mode, Signing, WireFailure, WireRequest, failure};

/// The dialect of a server that speaks Ollama's own format.
#[derive(Clone, Debug)]
pub struct Ollama {
    provider: String,
}

impl Ollama {
    /// The dialect of `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into() }
    }
}

impl Dialect for Ollama {
    type Stream = OllamaStream;

    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            streaming: true,
            tools: true,
            parallel_tools: true,
            images: true,
            json_object: true,
            json_schema: true,
            thinking: true,
            seed: true,
            embeddings: true,
        }
    }

    fn framing(&self) -> Framing {
        Framing::Ndjson
    }

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    /// A server of one's own asks for no key; one behind a proxy may.
    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError> {
        failure::put_key(request, &self.provider, header::AUTHORIZATION, "Bearer ", signing.credentials)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut OllamaStream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        stream.frame(self, frame, out)
    }

    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError {
        errors::failure(&self.provider, failure)
    }

    fn encode_embed(&self, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
        encode::embed(self, request)
    }

    fn decode_embed(&self, request: &EmbedRequest, body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        reply::decode_embed(self, request, body)
    }
}
