//! Cohere's second chat format.

mod embed;
mod encode;
mod errors;
mod reply;
mod stream;

pub(crate) use embed::{EMBEDS_AT_ONCE, Embeddings, vectors};
pub use stream::CohereStream;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, StreamEvent,
};
use http::header;

use crate::{Dialect, Frame, Mode, Signing, WireFailure, WireRequest, failure};

/// The dialect of a provider that speaks Cohere's second chat format.
#[derive(Clone, Debug)]
pub struct Cohere {
    provider: String,
}

impl Cohere {
    /// The dialect of `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into() }
    }
}

impl Dialect for Cohere {
    type Stream = CohereStream;

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

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError> {
        failure::put_key(request, &self.provider, header::AUTHORIZATION, "Bearer ", signing.credentials)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut CohereStream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        stream.frame(self, frame, out)
    }

    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError {
        errors::failure(&self.provider, failure)
    }

    fn encode_embed(&self, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
        embed::request(self, request)
    }

    fn embeds_at_once(&self, _model: &str) -> usize {
        EMBEDS_AT_ONCE
    }

    fn decode_embed(&self, request: &EmbedRequest, body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        embed::decode(self, request, body)
    }
}
