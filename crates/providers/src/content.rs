//! What the formats have in common when they say a request: what cannot be said, arguments as objects, pictures.

use codeflow_model::{
    ApiClientError, Capabilities, ChatRequest, Details, EmbedInput, EmbedRequest, ErrorKind, Image,
    ImageSource, Message, Part, ResponseFormat, ToolCall, ToolResult,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::failure;

/// What may stand in a path as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path.
pub(crate) fn segment(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, PLAIN)
}

/// Refuses what a provider is known not to do, before it is asked.
pub(crate) fn check(provider: &str, can: &Capabilities, request: &ChatRequest) -> Result<(), ApiClientError> {
    let has_images = || request.messages.iter().any(|message| has_image(&message.parts));
    let what = match &request.response_format {
        Some(ResponseFormat::JsonSchema { .. }) if !can.json_schema => "JSON that matches a schema",
        Some(ResponseFormat::JsonObject) if !can.json_object => "a JSON object without a schema",
        _ if !can.tools && !request.tools.is_empty() => "tool calls",
        _ if !can.images && has_images() => "a look at images",
        _ => return Ok(()),
    };
    Err(failure::unsupported(provider, &request.model, what))
}

fn has_image(parts: &[Part]) -> bool {
    parts.iter().any(|part| match part {
        Part::Image(_) => true,
        Part::ToolResult(result) => has_image(&result.parts),
        Part::Text(_) | Part::ToolCall(_) | Part::Thinking(_) => false,
    })
}

/// The arguments of a call, for formats that want a JSON object where others take any text.
pub(crate) fn arguments(
    provider: &str,
    model: &str,
    call: &ToolCall,
) -> Result<Map<String, Value>, ApiClientError> {
    if call.arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(&call.arguments).map_err(|cause| {
        let text = format!("the arguments of tool call `{}` are not a JSON object", call.id);
        let (provider, model) = (provider.to_owned(), model.to_owned());
        ApiClientError::new(ErrorKind::InvalidRequest, text)
            .about(Details { provider, model, ..Details::default() })
            .because(cause)
    })
}

/// The text of a part that is one.
pub(crate) fn text(part: &Part) -> Option<&str> {
    match part {
        Part::Text(text) => Some(text),
        Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
    }
}

/// The picture in a part that is one.
pub(crate) fn image(part: &Part) -> Option<&Image> {
    match part {
        Part::Image(image) => Some(image),
        Part::Text(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
    }
}

/// The texts of a result, one below the other.
pub(crate) fn result_text(result: &ToolResult) -> String {
    let texts: Vec<_> = result.parts.iter().filter_map(text).collect();
    texts.join("\n")
}

/// The media type and the base64 of a picture that travels with the request, whichever way it says so.
pub(crate) fn inline(image: &Image) -> Option<(&str, &str)> {
    match &image.source {
        ImageSource::Base64 { media_type, data } => Some((media_type, data)),
        ImageSource::Url(url) => url.strip_prefix("data:")?.split_once(";base64,"),
    }
}

/// As [`inline`], for formats in which pictures cannot be anywhere else.
pub(crate) fn inline_only<'a>(
    provider: &str,
    model: &str,
    image: &'a Image,
) -> Result<(&'a str, &'a str), ApiClientError> {
    inline(image).ok_or_else(|| failure::unsupported(provider, model, "a look at an image elsewhere"))
}

/// The address of a picture, the picture itself in it where it travels with the request.
pub(crate) fn image_url(image: &Image) -> String {
    match &image.source {
        ImageSource::Url(url) => url.clone(),
        ImageSource::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
    }
}

/// The name of the tool that a call before message `at` named; results only carry the call's id.
pub(crate) fn tool_name<'a>(messages: &'a [Message], at: usize, call_id: &str) -> Option<&'a str> {
    messages[..at].iter().rev().flat_map(|message| &message.parts).find_map(|part| match part {
        Part::ToolCall(call) if call.id == call_id => Some(call.name.as_str()),
        Part::Text(_) | Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
    })
}

/// The texts to embed, for formats that take no tokens.
pub(crate) fn texts<'a>(provider: &str, request: &'a EmbedRequest) -> Result<Vec<&'a str>, ApiClientError> {
    let text = |input: &'a EmbedInput| match input {
        EmbedInput::Text(text) => Ok(text.as_str()),
        EmbedInput::Tokens(_) => Err(failure::unsupported(provider, &request.model, "embeddings of tokens")),
    };
    request.input.iter().map(text).collect()
}

/// Adds the fields that only the provider understands; they replace none.
pub(crate) fn add_extra(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        body.entry(name.clone()).or_insert_with(|| value.clone());
    }
}

/// Inserts a value that is there.
pub(crate) fn put(body: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body.insert(name.to_owned(), value.into());
    }
}
