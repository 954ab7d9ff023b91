//! Messages that are handed on as they are, and what is read of them in passing.

use std::borrow::Cow;

use codeflow_model::{ApiClientError, RawRequest, Tap};
use http::HeaderValue;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    Anthropic, AnthropicStream, PATH, VERSION, VERSION_HEADER,
    errors::{self, WireError},
    reply::{self, WireUsage},
};
use crate::{FrameTap, RawFrame, WireRequest, failure, splice};

/// What a whole message says about itself.
#[derive(Deserialize)]
struct Passed<'a> {
    content: Option<IgnoredAny>,
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    usage: WireUsage,
    error: Option<WireError>,
}

/// What a frame says about itself.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Passed<'a>>,
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    usage: Option<WireUsage>,
    error: Option<WireError>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

pub(super) fn forward(dialect: &Anthropic, request: &RawRequest) -> Result<WireRequest, ApiClientError> {
    let edits = splice::model(request).into_iter().collect();
    let mut wire = WireRequest::post(PATH, splice::splice(&request.body, edits));
    wire.headers.insert(VERSION_HEADER, VERSION);
    for (name, value) in &request.headers {
        let value = HeaderValue::from_str(value).map_err(|_| {
            let what = format!("a header `{name}` with such characters");
            failure::unsupported(&dialect.provider, &request.model, &what)
        })?;
        wire.headers.insert(*name, value);
    }
    Ok(wire)
}

pub(super) fn body(dialect: &Anthropic, body: &[u8]) -> Result<Tap, ApiClientError> {
    let passed: Passed<'_> = failure::parse_borrowed(&dialect.provider, body)?;
    if let Some(error) = passed.error {
        return Err(errors::in_band(&dialect.provider, error));
    }
    if passed.content.is_none() {
        return Err(reply::bad(dialect, "a message without content"));
    }
    if passed.stop_reason.is_none() {
        return Err(reply::bad(dialect, "a message that does not say why it ended"));
    }
    Ok(Tap { usage: Some(passed.usage.normal()), said: 1, finished: true })
}

/// Most frames are words, which their event's name says; only the others are read.
pub(super) fn frame(
    dialect: &Anthropic,
    stream: &mut AnthropicStream,
    frame: RawFrame<'_>,
) -> Result<FrameTap, ApiClientError> {
    let tap = match frame.event {
        b"content_block_delta" => Tap { said: 1, ..Tap::default() },
        b"content_block_start" | b"content_block_stop" | b"ping" => Tap::default(),
        _ => read(dialect, stream, frame.data)?,
    };
    Ok(FrameTap { tap, is_usage_only: false })
}

fn read(dialect: &Anthropic, stream: &mut AnthropicStream, data: &[u8]) -> Result<Tap, ApiClientError> {
    let event: Event<'_> = failure::parse_borrowed(&dialect.provider, data)?;
    let mut tap = Tap::default();
    match event.kind.as_ref() {
        "message_start" => {
            let usage = event.message.map(|message| message.usage).unwrap_or_default();
            tap.usage = Some(stream.use_more(usage));
        }
        "content_block_delta" => tap.said = 1,
        "message_delta" => {
            tap.usage = Some(stream.use_more(event.usage.unwrap_or_default()));
            if let Some(Delta { stop_reason: Some(reason) }) = event.delta {
                stream.end(reply::finish(&reason, None));
            }
        }
        "message_stop" if stream.has_ended() => tap.finished = true,
        "message_stop" => {
            return Err(reply::bad(dialect, "a stream that does not say why it ended"));
        }
        "error" => return Err(errors::in_band(&dialect.provider, event.error.unwrap_or_default())),
        _ => {}
    }
    Ok(tap)
}
