//! Google's `generateContent`.

mod embed;
mod encode;
mod errors;
mod reply;
mod stream;

pub use stream::GeminiStream;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, StreamEvent,
};
use http::HeaderName;

use crate::{Dialect, Frame, Mode, Signing, WireFailure, WireRequest, content::segment, failure};

/// The dialect of a provider that speaks `generateContent`.
#[derive(Clone, Debug)]
pub struct Gemini {
    provider: String,
}

impl Gemini {
    /// The dialect of `provider`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into() }
    }
}

/// The path of a method of a model. Tuned models have a prefix of their own.
fn path(model: &str, method: &str) -> String {
    let (family, name) = model.split_once('/').unwrap_or(("models", model));
    format!("/v1beta/{}/{}:{method}", segment(family), segment(name))
}

impl Dialect for Gemini {
    type Stream = GeminiStream;

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
        let name = HeaderName::from_static("x-goog-api-key");
        failure::put_key(request, &self.provider, name, "", signing.credentials)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut GeminiStream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        stream.frame(self, frame, out)
    }

    fn decode_end(&self, stream: &mut GeminiStream, out: &mut Vec<StreamEvent>) {
        stream.close(out);
    }

    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError {
        errors::failure(&self.provider, failure)
    }

    fn encode_embed(&self, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
        embed::request(self, request)
    }

    fn embeds_at_once(&self, _model: &str) -> usize {
        100
    }

    fn decode_embed(&self, request: &EmbedRequest, body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        embed::decode(self, request, body)
    }
}
