//! From our request to the body of a chat request.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, Image, Message, Part, ResponseFormat, Role, ThinkingContent, Tool,
    ToolChoice,
};
use serde_json::{Map, Value, json};

use super::Cohere;
use crate::{Dialect, Mode, WireRequest, content};

pub(super) fn request(
    dialect: &Cohere,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.capabilities(), request)?;
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), messages(dialect, &request.messages));
    settings(request, &mut body);
    tools(request, &mut body);
    body.insert("stream".into(), json!(mode == Mode::Stream));
    content::add_extra(&mut body, &request.extra);
    Ok(WireRequest::post("/v2/chat", Bytes::from(Value::Object(body).to_string())))
}

fn settings(request: &ChatRequest, body: &mut Map<String, Value>) {
    content::put(body, "max_tokens", request.max_output_tokens);
    content::put(body, "temperature", request.temperature);
    content::put(body, "p", request.top_p);
    content::put(body, "stop_sequences", (!request.stop.is_empty()).then(|| json!(request.stop)));
    content::put(body, "seed", request.seed);
    let format = match &request.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject) => Some(json!({ "type": "json_object" })),
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            Some(json!({ "type": "json_object", "json_schema": schema }))
        }
    };
    content::put(body, "response_format", format);
    // Thinking is either on or off.
    let thinking = request.reasoning_effort.as_deref().map(|effort| match effort {
        "none" => json!({ "type": "disabled" }),
        _ => json!({ "type": "enabled" }),
    });
    content::put(body, "thinking", thinking);
}

/// One tool cannot be named: it is the only one on offer instead.
fn tools(request: &ChatRequest, body: &mut Map<String, Value>) {
    let is_offered = |tool: &&Tool| match &request.tool_choice {
        Some(ToolChoice::Named(name)) => tool.name == *name,
        None | Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required) => true,
    };
    let tools: Vec<_> = request.tools.iter().filter(is_offered).collect();
    if tools.is_empty() {
        return;
    }
    if tools.iter().all(|tool| tool.strict == Some(true)) {
        body.insert("strict_tools".into(), json!(true));
    }
    body.insert("tools".into(), tools.into_iter().map(tool).collect());
    let choice = match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::None) => Some("NONE"),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => Some("REQUIRED"),
    };
    content::put(body, "tool_choice", choice);
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name, "parameters": tool.parameters });
    if let Some(description) = &tool.description {
        function["description"] = json!(description);
    }
    json!({ "type": "function", "function": function })
}

/// Tool results are messages of their own here, and hold texts only: their images follow in a message of the user's,
/// after all results that belong together.
fn messages(dialect: &Cohere, messages: &[Message]) -> Value {
    let mut out = Vec::new();
    let mut images = Vec::new();
    for message in messages {
        for part in &message.parts {
            if let Part::ToolResult(result) = part {
                let text = content::result_text(result);
                out.push(json!({ "role": "tool", "tool_call_id": result.call_id, "content": text }));
                images.extend(result.parts.iter().filter_map(content::image).map(image));
            }
        }
        if let Some(said) = one(dialect, message) {
            flush(&mut images, &mut out);
            out.push(said);
        }
    }
    flush(&mut images, &mut out);
    Value::Array(out)
}

fn flush(images: &mut Vec<Value>, out: &mut Vec<Value>) {
    if !images.is_empty() {
        out.push(json!({ "role": "user", "content": std::mem::take(images) }));
    }
}

/// The message without the results in it, if anything is left. What a model says before its calls is a plan here.
fn one(dialect: &Cohere, message: &Message) -> Option<Value> {
    let role = match message.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let (mut said, mut texts, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => texts.push(text.as_str()),
            Part::Image(picture) => said.push(image(picture)),
            Part::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })),
            Part::Thinking(thinking) if thinking.provider == dialect.provider => match &thinking.content {
                ThinkingContent::Shown { text, .. } => {
                    said.push(json!({ "type": "thinking", "thinking": text }))
                }
                ThinkingContent::Redacted(_) => {}
            },
            Part::Thinking(_) | Part::ToolResult(_) => {}
        }
    }
    let mut out = json!({ "role": role });
    if calls.is_empty() {
        said.extend(texts.iter().map(|text| json!({ "type": "text", "text": text })));
    } else {
        out["tool_calls"] = Value::Array(calls);
        if !texts.is_empty() {
            out["tool_plan"] = json!(texts.join("\n"));
        }
    }
    match (said.len(), said.first_mut()) {
        (0, _) => return out.get("tool_calls").is_some().then_some(out),
        (1, Some(only)) if only["type"] == "text" => out["content"] = only["text"].take(),
        _ => out["content"] = Value::Array(said),
    }
    Some(out)
}

fn image(image: &Image) -> Value {
    let mut inner = json!({ "url": content::image_url(image) });
    if let Some(detail) = &image.detail {
        inner["detail"] = json!(detail);
    }
    json!({ "type": "image_url", "image_url": inner })
}
