//! From our requests to the bodies that Ollama wants.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, EmbedRequest, Message, Part, ResponseFormat, Role, ThinkingContent,
    ToolChoice, ToolResult,
};
use serde_json::{Map, Value, json};

use super::Ollama;
use crate::{Dialect, Mode, WireRequest, content, failure};

pub(super) fn request(
    dialect: &Ollama,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.capabilities(), request)?;
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), messages(dialect, request)?);
    tools(dialect, request, &mut body)?;
    let format = match &request.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject) => Some(json!("json")),
        Some(ResponseFormat::JsonSchema { schema, .. }) => Some(schema.clone()),
    };
    content::put(&mut body, "format", format);
    content::put(&mut body, "think", request.reasoning_effort.as_deref().map(|it| think(&request.model, it)));
    let options = options(request);
    if !options.is_empty() {
        body.insert("options".into(), Value::Object(options));
    }
    // Without a word the server streams.
    body.insert("stream".into(), json!(mode == Mode::Stream));
    content::add_extra(&mut body, &request.extra);
    Ok(WireRequest::post("/api/chat", Bytes::from(Value::Object(body).to_string())))
}

/// Most models only think or do not; one family knows degrees, and does not take less.
fn think(model: &str, effort: &str) -> Value {
    match effort {
        "none" => json!(false),
        _ if !model.contains("gpt-oss") => json!(true),
        "minimal" => json!("low"),
        "xhigh" | "max" => json!("high"),
        other => json!(other),
    }
}

fn options(request: &ChatRequest) -> Map<String, Value> {
    let mut out = Map::new();
    content::put(&mut out, "num_predict", request.max_output_tokens);
    content::put(&mut out, "temperature", request.temperature);
    content::put(&mut out, "top_p", request.top_p);
    content::put(&mut out, "stop", (!request.stop.is_empty()).then(|| json!(request.stop)));
    content::put(&mut out, "seed", request.seed);
    out
}

/// The model always chooses for itself, so that only leaving the tools away keeps it from them.
fn tools(
    dialect: &Ollama,
    request: &ChatRequest,
    body: &mut Map<String, Value>,
) -> Result<(), ApiClientError> {
    match &request.tool_choice {
        None | Some(ToolChoice::Auto) => {}
        Some(ToolChoice::None) => return Ok(()),
        Some(ToolChoice::Required | ToolChoice::Named(_)) => {
            let what = "a call that the model must make";
            return Err(failure::unsupported(&dialect.provider, &request.model, what));
        }
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| {
            let mut function = json!({ "name": tool.name, "parameters": tool.parameters });
            if let Some(description) = &tool.description {
                function["description"] = json!(description);
            }
            json!({ "type": "function", "function": function })
        });
        body.insert("tools".into(), tools.collect());
    }
    Ok(())
}

/// Tool results are messages of their own here.
fn messages(dialect: &Ollama, request: &ChatRequest) -> Result<Value, ApiClientError> {
    let mut out = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        for part in &message.parts {
            if let Part::ToolResult(result) = part {
                out.push(tool_result(dialect, request, at, result)?);
            }
        }
        out.extend(one(dialect, &request.model, message)?);
    }
    Ok(Value::Array(out))
}

fn tool_result(
    dialect: &Ollama,
    request: &ChatRequest,
    at: usize,
    result: &ToolResult,
) -> Result<Value, ApiClientError> {
    let name = content::tool_name(&request.messages, at, &result.call_id).unwrap_or(&result.call_id);
    let text = content::result_text(result);
    let mut out =
        json!({ "role": "tool", "content": text, "tool_name": name, "tool_call_id": result.call_id });
    let mut images = Vec::new();
    for image in result.parts.iter().filter_map(content::image) {
        images.push(content::inline_only(&dialect.provider, &request.model, image)?.1);
    }
    if !images.is_empty() {
        out["images"] = json!(images);
    }
    Ok(out)
}

/// The message without the results in it, if anything is left.
fn one(dialect: &Ollama, model: &str, message: &Message) -> Result<Option<Value>, ApiClientError> {
    let role = match message.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let (mut texts, mut thoughts) = (Vec::new(), String::new());
    let (mut images, mut calls) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => texts.push(text.as_str()),
            Part::Image(image) => images.push(content::inline_only(&dialect.provider, model, image)?.1),
            Part::ToolCall(call) => {
                let arguments = content::arguments(&dialect.provider, model, call)?;
                let function = json!({ "name": call.name, "arguments": arguments });
                calls.push(json!({ "id": call.id, "function": function }));
            }
            Part::Thinking(thinking) if thinking.provider == dialect.provider => match &thinking.content {
                ThinkingContent::Shown { text, .. } => thoughts.push_str(text),
                ThinkingContent::Redacted(_) => {}
            },
            Part::Thinking(_) | Part::ToolResult(_) => {}
        }
    }
    if texts.is_empty() && images.is_empty() && calls.is_empty() {
        return Ok(None);
    }
    let mut out = json!({ "role": role, "content": texts.join("\n") });
    for (name, list) in [("images", json!(images)), ("tool_calls", json!(calls))] {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            out[name] = list;
        }
    }
    if !thoughts.is_empty() {
        out["thinking"] = json!(thoughts);
    }
    Ok(Some(out))
}

pub(super) fn embed(dialect: &Ollama, request: &EmbedRequest) -> Result<WireRequest, ApiClientError> {
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("input".into(), json!(content::texts(&dialect.provider, request)?));
    content::put(&mut body, "dimensions", request.dimensions);
    content::add_extra(&mut body, &request.extra);
    Ok(WireRequest::post("/api/embed", Bytes::from(Value::Object(body).to_string())))
}
