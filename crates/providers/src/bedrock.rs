//! Amazon Bedrock's Converse, and its models for vectors.

mod embed;
mod encode;
mod errors;
mod reply;
mod sign;
mod stream;

pub use stream::BedrockStream;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, StreamEvent,
};

use crate::{Dialect, Frame, Framing, Mode, Signing, WireFailure, WireRequest, content::segment};

/// The dialect of Amazon Bedrock in one region.
#[derive(Clone, Debug)]
pub struct Bedrock {
    provider: String,
    region: String,
}

impl Bedrock {
    /// The dialect of `provider` in `region`, such as `eu-central-1`: the region that requests are signed for.
    pub fn new(provider: impl Into<String>, region: impl Into<String>) -> Self {
        Self { provider: provider.into(), region: region.into() }
    }
}

/// The path of a method of a model. The name of a model may be a whole ARN, which must stay one segment.
fn path(model: &str, method: &str) -> String {
    format!("/model/{}/{method}", segment(model))
}

impl Dialect for Bedrock {
    type Stream = BedrockStream;

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
            embeddings: true,
        }
    }

    fn framing(&self) -> Framing {
        Framing::EventStream
    }

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError> {
        sign::sign(self, request, signing)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut BedrockStream,
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

    fn embeds_at_once(&self, model: &str) -> usize {
        embed::at_once(model)
    }

    fn decode_embed(&self, request: &EmbedRequest, body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        embed::decode(self, request, body)
    }
}
