//! What a request asks for, read from its body the same way for every format.

use serde_json::Value;

use super::Shape;
use super::format::{Format, Operation, Route};

/// What a request asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) format: Format,
    pub(super) operation: Operation,
    pub(super) shape: Shape,
    pub(super) model: String,
    /// The text of the last message, if a user said it.
    pub(super) prompt: String,
    /// How many pictures there are.
    pub(super) images: usize,
    /// Whether a stream should tell its usage.
    pub(super) wants_usage: bool,
    /// The texts to embed, each of which gives a vector.
    pub(super) inputs: Vec<String>,
    /// How many numbers a vector has.
    pub(super) dimensions: usize,
    /// Whether vectors are wanted in base64.
    pub(super) wants_base64: bool,
}

impl Asked {
    /// A conversation that asks for nothing special.
    pub(super) fn plain(format: Format, shape: Shape) -> Self {
        let route = Route { format, operation: Operation::Chat, shape: Some(shape), model: None };
        Self { wants_usage: true, ..Self::read(&route, &Value::Null) }
    }

    pub(super) fn read(route: &Route, body: &Value) -> Self {
        let stream_unless_told = route.format == Format::Ollama && route.operation == Operation::Chat;
        let streams = body["stream"].as_bool().unwrap_or(stream_unless_told);
        let shape = route.shape.unwrap_or(if streams { Shape::Stream } else { Shape::Whole });
        let model = route.model.as_deref().or(body["model"].as_str()).unwrap_or("a-model").to_owned();
        let messages = list(&body["messages"]).chain(list(&body["contents"]));
        let dimensions = ["dimensions", "output_dimension"].iter().find_map(|name| body[name].as_u64());
        Self {
            format: route.format,
            operation: route.operation,
            shape,
            model,
            prompt: prompt(messages.clone()),
            images: messages.map(images).sum(),
            wants_usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
            inputs: inputs(body),
            dimensions: dimensions.and_then(|count| usize::try_from(count).ok()).unwrap_or(4),
            wants_base64: body["encoding_format"] == "base64",
        }
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> + Clone {
    value.as_array().into_iter().flatten()
}

/// What a message says: one text, or parts.
fn content(message: &Value) -> &Value {
    [&message["content"], &message["parts"]].into_iter().find(|it| !it.is_null()).unwrap_or(&Value::Null)
}

fn prompt<'a>(messages: impl Iterator<Item = &'a Value>) -> String {
    let Some(last) = messages.last() else { return String::new() };
    if last["role"].as_str().unwrap_or("user") != "user" {
        return String::new();
    }
    match content(last) {
        Value::String(text) => text.clone(),
        parts => list(parts).filter_map(|part| part["text"].as_str()).collect(),
    }
}

fn images(message: &Value) -> usize {
    let is_image = |part: &&Value| {
        matches!(part["type"].as_str(), Some("image" | "image_url"))
            || ["inlineData", "inline_data", "fileData", "image"].iter().any(|name| part[name].is_object())
    };
    list(content(message)).filter(is_image).count() + list(&message["images"]).count()
}

fn inputs(body: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let input = ["input", "texts"].iter().map(|name| &body[name]).find(|it| !it.is_null());
    match input {
        // One list of numbers is one text in tokens.
        Some(Value::Array(items)) if items.first().is_some_and(Value::is_number) => {
            vec![text(&Value::Array(items.clone()))]
        }
        Some(Value::Array(items)) => items.iter().map(text).collect(),
        Some(one) => vec![text(one)],
        None => list(&body["requests"])
            .map(|request| {
                list(&request["content"]["parts"]).filter_map(|part| part["text"].as_str()).collect()
            })
            .collect(),
    }
}
