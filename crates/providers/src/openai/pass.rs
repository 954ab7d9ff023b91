//! Chat completions that are handed on as they are: what has to be changed on the way there, and what is read in
//! passing on the way back.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use codeflow_model::{ApiClientError, RawRequest, Tap};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    OpenAi, OpenAiStream, errors,
    reply::{self, Reply, WireUsage},
};
use crate::{FrameTap, WireRequest, failure, splice};

static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"error\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"finish_reason\""));

/// What a whole reply says about itself.
#[derive(Deserialize)]
struct Passed<'a> {
    #[serde(borrow)]
    choices: Option<Vec<PassedChoice<'a>>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct PassedChoice<'a> {
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

pub(super) fn forward(dialect: &OpenAi, request: &RawRequest) -> Result<WireRequest, ApiClientError> {
    let mut edits: Vec<_> = splice::model(request).into_iter().collect();
    if request.stream && dialect.compatibility.asks_for_usage && !request.wants_usage {
        edits.push(ask_for_usage(request)?);
    }
    Ok(WireRequest::post(dialect.compatibility.path.clone(), splice::splice(&request.body, edits)))
}

/// The change that makes a stream tell its usage.
fn ask_for_usage(request: &RawRequest) -> Result<(std::ops::Range<usize>, Bytes), ApiClientError> {
    let Some(at) = request.stream_options_at.clone() else {
        let start = request.body.iter().position(|byte| *byte == b'{').map_or(0, |brace| brace + 1);
        let field = Bytes::from_static(b"\"stream_options\":{\"include_usage\":true},");
        return Ok((start..start, field));
    };
    let stated: Option<Map<String, Value>> = failure::parse("request", &request.body[at.clone()])?;
    let mut options = stated.unwrap_or_default();
    options.insert("include_usage".to_owned(), Value::Bool(true));
    Ok((at, Value::Object(options).to_string().into()))
}

pub(super) fn body(dialect: &OpenAi, body: &[u8]) -> Result<Tap, ApiClientError> {
    let passed: Passed<'_> = failure::parse_borrowed(&dialect.provider, body)?;
    if let Some(error) = passed.error {
        return Err(errors::in_band(&dialect.provider, &error));
    }
    let Some(choices) = passed.choices.filter(|choices| !choices.is_empty()) else {
        return Err(reply::bad(dialect, "a reply without a choice"));
    };
    for choice in &choices {
        match choice.finish_reason.as_deref() {
            None => return Err(reply::bad(dialect, "a reply that does not say why it ended")),
            Some(reason) => reply::finish(dialect, reason, false)?,
        };
    }
    let usage = passed.usage.map(|usage| usage.normal(dialect));
    Ok(Tap { usage, said: 1, finished: true })
}

/// Most frames hold a few words and nothing else that matters here. They are recognised without being parsed: within
/// a string of JSON, a quotation mark is never followed by the end of a key.
pub(super) fn frame(
    dialect: &OpenAi,
    stream: &mut OpenAiStream,
    data: &[u8],
) -> Result<FrameTap, ApiClientError> {
    if data == b"[DONE]" {
        if !stream.has_ended() {
            return Err(reply::bad(dialect, "a stream that does not say why it ended"));
        }
        return Ok(FrameTap { tap: Tap { finished: true, ..Tap::default() }, is_usage_only: false });
    }
    let is_plain = stream.has_said()
        && data.first() == Some(&b'{')
        && data.last() == Some(&b'}')
        && [&USAGE, &ERROR, &FINISH].iter().all(|key| is_absent_or_null(key, data));
    if is_plain {
        return Ok(FrameTap { tap: Tap { said: 1, ..Tap::default() }, is_usage_only: false });
    }
    read(dialect, stream, data)
}

fn is_absent_or_null(key: &Finder<'_>, data: &[u8]) -> bool {
    key.find_iter(data).all(|at| {
        let rest = data[at + key.needle().len()..].trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().starts_with(b"null"))
    })
}

fn read(dialect: &OpenAi, stream: &mut OpenAiStream, data: &[u8]) -> Result<FrameTap, ApiClientError> {
    let piece: Reply = failure::parse(&dialect.provider, data)?;
    if let Some(error) = piece.error {
        return Err(errors::in_band(&dialect.provider, &error));
    }
    let usage = piece.usage.or(piece.x_groq.and_then(|it| it.usage)).map(|usage| usage.normal(dialect));
    let choices = piece.choices.unwrap_or_default();
    let is_usage_only = usage.is_some() && choices.is_empty();
    let mut said = 0;
    for choice in choices {
        said |= u32::from(choice.message.is_some_and(|message| message.says_something()));
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            stream.end(reply::finish(dialect, &reason, false)?);
        }
    }
    stream.say(said > 0);
    Ok(FrameTap { tap: Tap { usage, said, finished: false }, is_usage_only })
}
