//! What is asked of the gateway and what comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use codeflow_core::{ExecutionId, Usd};
use codeflow_model::{
    ApiClientError, ChatRequest, ChatResponse, ChatStream, EmbedRequest, EmbedResponse, RawRequest, RawStream,
};

use crate::Caller;

/// Who calls, and under which conditions.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// Names this call in answers, rows and logs.
    pub request_id: Arc<str>,
    /// The step that calls, if one does.
    pub step: Option<StepCall>,
    /// When the answer must be there, or a stream have begun.
    pub deadline: Option<Instant>,
    /// Whether an earlier answer may serve, where the cache is on.
    pub use_cache: bool,
}

/// A step that calls a model.
#[derive(Clone, Debug)]
pub struct StepCall {
    /// The execution.
    pub execution: ExecutionId,
    /// The path of the step.
    pub path: String,
    /// What the execution may spend on models in all.
    pub budget: Option<Usd>,
}

/// What is asked for. The model's name is that of a route, of a model in the registry, or `provider/model`.
#[derive(Clone, Debug)]
pub enum Inbound {
    /// In the bytes of a public wire format.
    Raw(RawInbound),
    /// As a value.
    Chat {
        /// The request.
        request: ChatRequest,
        /// Whether the reply is wanted piece by piece.
        stream: bool,
    },
    /// Vectors for texts.
    Embed(EmbedRequest),
}

/// A request in the bytes of a public wire format. It is decoded only when something cannot do without: a provider that
/// speaks another format, a policy that reads it.
#[derive(Clone, Debug)]
pub struct RawInbound {
    /// The request.
    pub request: RawRequest,
    /// What its bytes were found to hold.
    pub facts: Facts,
    /// Reads it.
    pub decode: fn(&RawRequest) -> Result<Decoded, ApiClientError>,
}

/// A request that was read.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The request.
    pub request: ChatRequest,
    /// The fields that are lost on the way to a provider that speaks another format, as a header tells them.
    pub dropped: Option<String>,
}

/// What is known about a request without decoding it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// An estimate of the tokens that go in.
    pub input_tokens: u64,
    /// The most tokens that may come out, in each reply.
    pub max_output_tokens: Option<u64>,
    /// How many replies are asked for; one when it does not say.
    pub replies: Option<u64>,
    /// Whether it offers tools.
    pub tools: bool,
    /// Whether it may hold pictures.
    pub images: bool,
    /// Whether the reply has to match a schema.
    pub json_schema: bool,
    /// Whether it holds marks of the gateway's own, which no provider must see: it is never handed on as it is.
    pub marked: bool,
    /// The service tier that is asked for, by the vendor's name.
    pub tier: Option<String>,
}

/// What came of a call.
pub struct Reply {
    /// The answer.
    pub body: ReplyBody,
    /// How it came about.
    pub evidence: Evidence,
}

/// An answer, in the form in which it is cheapest to give.
pub enum ReplyBody {
    /// A whole reply in the bytes of the caller's own format.
    Raw(Bytes),
    /// A reply piece by piece in the bytes of the caller's own format.
    RawStream(RawStream),
    /// A whole reply.
    Chat(ChatResponse),
    /// A reply piece by piece.
    Stream(ChatStream),
    /// Vectors.
    Embed(EmbedResponse),
}

/// How an answer came about, as far as it is known when its head is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The route that was taken; the name that was asked for.
    pub route: Arc<str>,
    /// Who answered; the last who was asked when nobody did.
    pub provider: Arc<str>,
    /// Which model answered, by the provider's own name.
    pub model: Arc<str>,
    /// Requests that were sent to providers.
    pub attempts: u32,
    /// Every attempt that failed, and every model that was passed over, in order: `provider/model: reason`.
    pub trail: Vec<String>,
    /// The fields of the request that the provider was not told, because its format does not know them.
    pub dropped: Option<String>,
    /// Whether the answer is an earlier one.
    pub cached: bool,
    /// What it cost, where that is known already.
    pub cost: Option<Usd>,
    /// The time that providers and waits took.
    pub upstream: Duration,
}

impl Evidence {
    pub(crate) fn new(route: Arc<str>) -> Self {
        Self {
            route,
            provider: "".into(),
            model: "".into(),
            attempts: 0,
            trail: Vec::new(),
            dropped: None,
            cached: false,
            cost: None,
            upstream: Duration::ZERO,
        }
    }
}

/// A call that has no answer.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: ApiClientError,
    /// How it came to that.
    pub evidence: Evidence,
}
