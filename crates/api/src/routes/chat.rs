//! `POST /v1/chat/completions` and `POST /v1/messages`: a conversation in, the next message out.

use bytes::Bytes;
use codeflow_core::Coded;
use codeflow_gateway::{
    Call, Decoded as Read, Evidence, Facts, Failed, Inbound, RawInbound, Reply, ReplyBody,
};
use codeflow_model::{ApiClientError, ErrorKind, RawRequest, estimate_bytes, estimate_tokens};
use http::{HeaderMap, HeaderValue, Request, Response, header};
use hyper::body::Incoming;

use super::streams;
use crate::body::Outgoing;
use crate::exchange::{self, Exchange, Need, json};
use crate::refusal::Refusal;
use crate::{Failure, Messages, Sketch, Stamp, decode_chat, encode_chat, evidence};

const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// The client's headers that mean something to a provider of its own format.
const PASSED: [&str; 2] = ["anthropic-beta", "anthropic-version"];

pub(crate) async fn answer(
    exchange: &Exchange<'_>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let (key, request) = exchange.caller_of(request, Need::MODELS).await?;
    let use_cache = may_cache(request.headers());
    let passed = passed(request.headers());
    let body = exchange.body(request).await?;
    let inbound = read(exchange, body, passed)?;
    exchange.allow(&key, &inbound.request.model)?;
    let wants_usage = inbound.request.wants_usage;
    let call = Call {
        caller: key.caller.clone(),
        request_id: exchange.request_id.clone(),
        step: None,
        deadline: None,
        use_cache,
    };
    match exchange.api.gateway.ask(call, Inbound::Raw(inbound)).await {
        Ok(reply) => Ok(deliver(exchange, reply, wants_usage)),
        Err(failed) => Ok(refuse(exchange, &failed)),
    }
}

/// What the body says, as far as the gateway has to know.
fn read(
    exchange: &Exchange<'_>,
    body: Bytes,
    headers: Vec<(&'static str, String)>,
) -> Result<RawInbound, Failure> {
    let sketch = Sketch::of(&body).map_err(|error| Failure::from(&error))?;
    let Some(model) = sketch.model.as_deref().filter(|model| !model.is_empty()) else {
        let text = "`model` is missing; `GET /v1/models` lists the names there are";
        return Err(Failure {
            param: Some("model".to_owned()),
            ..Failure::new(400, crate::ErrorKind::InvalidField.code(), text)
        });
    };
    let request = RawRequest {
        format: exchange.format,
        model: model.to_owned(),
        model_at: sketch.model_at.clone(),
        stream: sketch.stream,
        stream_options_at: sketch.stream_options_at.clone(),
        wants_usage: sketch.include_usage,
        headers,
        body: body.clone(),
    };
    let facts = Facts {
        input_tokens: input_tokens(&request, &sketch),
        max_output_tokens: sketch.limit(),
        replies: sketch.n,
        tools: sketch.has_tools,
        images: sketch.has_images,
        json_schema: false,
        marked: sketch.has_thoughts && Messages::may_be_marked(&body),
        tier: sketch.service_tier.as_deref().map(str::to_owned),
    };
    Ok(RawInbound { request, facts, decode })
}

/// A length says little about pictures, so a body that holds some is taken apart.
fn input_tokens(request: &RawRequest, sketch: &Sketch<'_>) -> u64 {
    if sketch.has_images
        && let Ok(decoded) = decode_chat(request.format, &request.body)
    {
        return estimate_tokens(&decoded.request);
    }
    estimate_bytes(request.body.len())
}

fn decode(request: &RawRequest) -> Result<Read, ApiClientError> {
    let decoded = decode_chat(request.format, &request.body)
        .map_err(|error| ApiClientError::new(ErrorKind::InvalidRequest, error.to_string()).because(error))?;
    let dropped = decoded.dropped_header();
    Ok(Read { request: decoded.request, dropped })
}

fn passed(headers: &HeaderMap) -> Vec<(&'static str, String)> {
    let found = |name: &&'static str| Some((*name, headers.get(*name)?.to_str().ok()?.to_owned()));
    PASSED.iter().filter_map(found).collect()
}

/// Whether the client takes an earlier answer.
fn may_cache(headers: &HeaderMap) -> bool {
    let control = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok());
    !control.is_some_and(|control| {
        let mut words = control.split(',').map(str::trim);
        words.any(|word| word.eq_ignore_ascii_case("no-store") || word.eq_ignore_ascii_case("no-cache"))
    })
}

fn deliver(exchange: &Exchange<'_>, reply: Reply, wants_usage: bool) -> Response<Outgoing> {
    let Reply { body, evidence } = reply;
    let mut response = match body {
        ReplyBody::Raw(bytes) => json(bytes),
        ReplyBody::RawStream(inner) => events(streams::handed_on(inner, exchange)),
        ReplyBody::Chat(response) => {
            json(encode_chat(exchange.format, &response, &stamp(exchange, &evidence)).into())
        }
        ReplyBody::Stream(inner) => {
            events(streams::encoded(inner, exchange, stamp(exchange, &evidence), wants_usage))
        }
        ReplyBody::Embed(_) => {
            exchange.refusal(&Refusal::Internal.told("something went wrong inside the gateway"))
        }
    };
    evidence::tell(response.headers_mut(), &evidence);
    response
}

fn events(body: Outgoing) -> Response<Outgoing> {
    let mut response = exchange::answer(body, EVENTS);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_CACHE);
    response
}

/// What a reply is stamped with whose provider gave it no name.
pub(crate) fn stamp(exchange: &Exchange<'_>, evidence: &Evidence) -> Stamp {
    let id = exchange.request_id.trim_start_matches("req_");
    let prefix = match exchange.format {
        codeflow_model::WireFormat::ChatCompletions => "chatcmpl-",
        codeflow_model::WireFormat::Messages => "msg_",
    };
    Stamp {
        id: [prefix, id].concat(),
        model: evidence.model.as_ref().to_owned(),
        created: exchange.api.clock.now(),
    }
}

pub(crate) fn refuse(exchange: &Exchange<'_>, failed: &Failed) -> Response<Outgoing> {
    log(exchange, failed);
    let mut response = exchange.refusal(&Failure::from(&failed.error));
    evidence::tell(response.headers_mut(), &failed.evidence);
    response
}

/// An error is logged where it stops travelling, without a word that anybody said.
fn log(exchange: &Exchange<'_>, failed: &Failed) {
    let (error, evidence) = (&failed.error, &failed.evidence);
    tracing::warn!(
        request.id = %exchange.request_id,
        route.name = %evidence.route,
        provider.name = %evidence.provider,
        model.name = %evidence.model,
        attempts = evidence.attempts,
        error.code = error.code(),
        provider.status = error.details().status,
        provider.code = error.details().provider_code.as_deref(),
        "a model call failed"
    );
}
