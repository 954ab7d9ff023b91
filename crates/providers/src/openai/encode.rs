//! From our request to the body of a chat completion.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, Image, Message, Part, ResponseFormat, Role, ThinkingContent, Tool,
    ToolChoice, ToolResult,
};
use serde_json::{Map, Value, json};

use super::{LimitField, OpenAi};
use crate::{Mode, WireRequest, content};

pub(super) fn request(
    dialect: &OpenAi,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.compatibility.capabilities, request)?;
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("messages".into(), messages(dialect, &request.messages));
    settings(dialect, request, &mut body);
    tools(dialect, request, &mut body);
    if mode == Mode::Stream {
        body.insert("stream".into(), json!(true));
        if dialect.compatibility.asks_for_usage {
            body.insert("stream_options".into(), json!({ "include_usage": true }));
        }
    }
    body.retain(|name, _| !dialect.compatibility.omits.contains(name));
    content::add_extra(&mut body, &request.extra);
    Ok(WireRequest::post(dialect.compatibility.path.clone(), Bytes::from(Value::Object(body).to_string())))
}

fn settings(dialect: &OpenAi, request: &ChatRequest, body: &mut Map<String, Value>) {
    let differences = &dialect.compatibility;
    let limit = match differences.limit {
        LimitField::MaxCompletionTokens => "max_completion_tokens",
        LimitField::MaxTokens => "max_tokens",
    };
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put(limit, request.max_output_tokens.map(Value::from));
    put("temperature", request.temperature.map(Value::from));
    put("top_p", request.top_p.map(Value::from));
    put("stop", (!request.stop.is_empty()).then(|| json!(request.stop)));
    if differences.capabilities.seed {
        put(&differences.seed, request.seed.map(Value::from));
    }
    put("reasoning_effort", request.reasoning_effort.clone().map(Value::from));
    put("user", request.user.clone().map(Value::from));
    put("metadata", (!request.metadata.is_empty()).then(|| json!(request.metadata)));
    put("response_format", request.response_format.as_ref().map(response_format));
}

fn response_format(format: &ResponseFormat) -> Value {
    match format {
        ResponseFormat::Text => json!({ "type": "text" }),
        ResponseFormat::JsonObject => json!({ "type": "json_object" }),
        ResponseFormat::JsonSchema { name, schema, strict } => {
            let mut inner = json!({ "name": name, "schema": schema });
            if let Some(strict) = strict {
                inner["strict"] = json!(strict);
            }
            json!({ "type": "json_schema", "json_schema": inner })
        }
    }
}

fn tools(dialect: &OpenAi, request: &ChatRequest, body: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    body.insert("tools".into(), request.tools.iter().map(tool).collect());
    if let Some(choice) = &request.tool_choice {
        let choice = match choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!(dialect.compatibility.required),
            ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
        };
        body.insert("tool_choice".into(), choice);
    }
    if let Some(parallel) = request.parallel_tool_calls
        && dialect.compatibility.capabilities.parallel_tools
    {
        body.insert("parallel_tool_calls".into(), json!(parallel));
    }
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({ "name": tool.name, "parameters": tool.parameters });
    if let Some(description) = &tool.description {
        function["description"] = json!(description);
    }
    if let Some(strict) = tool.strict {
        function["strict"] = json!(strict);
    }
    json!({ "type": "function", "function": function })
}

/// Tool results are messages of their own here, and hold texts only: their images follow in a message of the user's,
/// after all results that belong together.
fn messages(dialect: &OpenAi, messages: &[Message]) -> Value {
    let mut out = Vec::new();
    let mut images = Vec::new();
    for message in messages {
        let mut said = Vec::new();
        for part in &message.parts {
            match part {
                Part::ToolResult(result) => {
                    out.push(tool_result(result));
                    images.extend(result.parts.iter().filter_map(content::image).map(image));
                }
                Part::Text(_) | Part::Image(_) | Part::ToolCall(_) | Part::Thinking(_) => {
                    said.push(part);
                }
            }
        }
        if !said.is_empty() {
            flush(&mut images, &mut out);
            out.push(one(dialect, message, &said));
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

fn tool_result(result: &ToolResult) -> Value {
    json!({ "role": "tool", "tool_call_id": result.call_id, "content": content::result_text(result) })
}

fn one(dialect: &OpenAi, message: &Message, parts: &[&Part]) -> Value {
    let role = match message.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let mut content = Vec::new();
    let (mut calls, mut thought) = (Vec::new(), String::new());
    for part in parts {
        match part {
            Part::Text(text) => content.push(json!({ "type": "text", "text": text })),
            Part::Image(picture) => content.push(image(picture)),
            Part::ToolCall(call) => calls.push(json!({
                "id": call.id,
                "type": "function",
                "function": { "name": call.name, "arguments": call.arguments },
            })),
            Part::Thinking(thinking) if thinking.provider == dialect.provider => match &thinking.content {
                ThinkingContent::Shown { text, .. } => thought.push_str(text),
                ThinkingContent::Redacted(_) => {}
            },
            Part::Thinking(_) | Part::ToolResult(_) => {}
        }
    }
    let content = match (content.len(), content.first_mut()) {
        (0, _) => Value::Null,
        (1, Some(only)) if only["type"] == "text" => only["text"].take(),
        _ => Value::Array(content),
    };
    let mut out = json!({ "role": role, "content": content });
    if !calls.is_empty() {
        out["tool_calls"] = Value::Array(calls);
        // Most vendors have no place for thoughts of earlier turns; those who do want one even if it is empty.
        if let Some(field) = &dialect.compatibility.thought {
            out[field] = json!(thought);
        }
    }
    if let Some(name) = &message.name {
        out["name"] = json!(name);
    }
    out
}

fn image(image: &Image) -> Value {
    let mut inner = json!({ "url": content::image_url(image) });
    if let Some(detail) = &image.detail {
        inner["detail"] = json!(detail);
    }
    json!({ "type": "image_url", "image_url": inner })
}
