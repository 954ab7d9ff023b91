//! OpenAI's chat completions, and everybody who speaks them with small differences.

mod embed;
mod encode;
mod errors;
mod pass;
mod reply;
mod stream;

pub use stream::OpenAiStream;

use std::collections::BTreeSet;

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, ChatResponse, EmbedRequest, EmbedResponse, RawRequest,
    StreamEvent, Tap, WireFormat,
};
use http::{HeaderName, header};
use serde::Deserialize;

use crate::{Dialect, Frame, FrameTap, Mode, RawFrame, Signing, WireFailure, WireRequest, failure};

/// The dialect of one provider that speaks chat completions.
#[derive(Clone, Debug)]
pub struct OpenAi {
    provider: String,
    compatibility: Compatibility,
}

/// Where a provider differs from OpenAI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// What follows the base URL.
    pub path: String,
    /// What follows it for embeddings.
    pub embed_path: String,
    /// Whether vectors are asked for in base64, which is shorter. They are read either way.
    pub base64_vectors: bool,
    /// How the key is sent.
    pub key: KeyHeader,
    /// Which field limits the reply.
    pub limit: LimitField,
    /// Whether a stream must be asked for its usage.
    pub asks_for_usage: bool,
    /// Whether a stream closes with `[DONE]`. Elsewhere a reply is complete when its finish reason came.
    pub closes: bool,
    /// Whether thoughts are counted beside the output and not in it.
    pub reasoning_apart: bool,
    /// The field for the seed.
    pub seed: String,
    /// The word that makes a model call some tool.
    pub required: String,
    /// Fields that it refuses, and that are left out therefore.
    pub omits: BTreeSet<String>,
    /// The field in which thoughts before a tool call go back, for vendors that insist on them.
    pub thought: Option<String>,
    /// What can be asked for.
    pub capabilities: Capabilities,
}

/// How a key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyHeader {
    /// `Authorization: Bearer`.
    Bearer,
    /// `api-key`, as Azure wants it.
    ApiKey,
}

/// Which field limits a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitField {
    /// `max_completion_tokens`, which reasoning models insist on.
    MaxCompletionTokens,
    /// `max_tokens`, the older name that most compatible servers know.
    MaxTokens,
}

impl Default for Compatibility {
    /// As OpenAI itself does it.
    fn default() -> Self {
        Self {
            path: "/chat/completions".to_owned(),
            embed_path: "/embeddings".to_owned(),
            base64_vectors: true,
            key: KeyHeader::Bearer,
            limit: LimitField::MaxCompletionTokens,
            asks_for_usage: true,
            closes: true,
            reasoning_apart: false,
            seed: "seed".to_owned(),
            required: "required".to_owned(),
            omits: BTreeSet::new(),
            thought: None,
            capabilities: Capabilities {
                streaming: true,
                tools: true,
                parallel_tools: true,
                images: true,
                json_object: true,
                json_schema: true,
                thinking: true,
                seed: true,
                embeddings: true,
            },
        }
    }
}

impl OpenAi {
    /// The dialect of `provider`.
    pub fn new(provider: impl Into<String>, compatibility: Compatibility) -> Self {
        Self { provider: provider.into(), compatibility }
    }
}

impl Dialect for OpenAi {
    type Stream = OpenAiStream;

    fn provider(&self) -> &str {
        &self.provider
    }

    fn capabilities(&self) -> Capabilities {
        self.compatibility.capabilities
    }

    fn encode(&self, request: &ChatRequest, mode: Mode) -> Result<WireRequest, ApiClientError> {
        encode::request(self, request, mode)
    }

    fn sign(&self, request: &mut WireRequest, signing: &Signing<'_>) -> Result<(), ApiClientError> {
        let (name, scheme) = match self.compatibility.key {
            KeyHeader::Bearer => (header::AUTHORIZATION, "Bearer "),
            KeyHeader::ApiKey => (HeaderName::from_static("api-key"), ""),
        };
        failure::put_key(request, &self.provider, name, scheme, signing.credentials)
    }

    fn decode(&self, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
        reply::decode(self, body)
    }

    fn decode_frame(
        &self,
        stream: &mut OpenAiStream,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        stream.frame(self, frame, out)
    }

    fn decode_end(&self, stream: &mut OpenAiStream, out: &mut Vec<StreamEvent>) {
        if !self.compatibility.closes {
            stream.close(out);
        }
    }

    fn failure(&self, failure: &WireFailure<'_>) -> ApiClientError {
        errors::failure(&self.provider, failure)
    }

    fn encode_embed(&self, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
        embed::request(self, request)
    }

    fn embeds_at_once(&self, _model: &str) -> usize {
        2048
    }

    fn decode_embed(&self, request: &EmbedRequest, body: &[u8]) -> Result<EmbedResponse, ApiClientError> {
        embed::decode(self, request, body)
    }

    fn passes(&self) -> Option<WireFormat> {
        Some(WireFormat::ChatCompletions)
    }

    fn forward(&self, request: &RawRequest) -> Result<WireRequest, ApiClientError> {
        pass::forward(self, request)
    }

    fn tap_body(&self, body: &[u8]) -> Result<Tap, ApiClientError> {
        pass::body(self, body)
    }

    fn tap_frame(&self, stream: &mut OpenAiStream, frame: RawFrame<'_>) -> Result<FrameTap, ApiClientError> {
        pass::frame(self, stream, frame.data)
    }

    fn tap_end(&self, stream: &mut OpenAiStream) -> Option<&'static [u8]> {
        (!self.compatibility.closes && stream.has_ended()).then_some(b"data: [DONE]\n\n")
    }
}
