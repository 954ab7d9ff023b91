//! From our request to the body of a message request.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, Image, Message, Part, ResponseFormat, Role, Thinking, ThinkingContent, Tool,
    ToolChoice,
};
use serde_json::{Map, Value, json};

use super::{Anthropic, DEFAULT_MAX_TOKENS, PATH, VERSION, VERSION_HEADER};
use crate::{Dialect, Mode, WireRequest, content};

pub(super) fn request(
    dialect: &Anthropic,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.capabilities(), request)?;
    let mut body = Map::new();
    body.insert("model".into(), json!(request.model));
    body.insert("max_tokens".into(), json!(request.max_output_tokens.unwrap_or(DEFAULT_MAX_TOKENS)));
    let system = system(&request.messages);
    if !system.is_empty() {
        body.insert("system".into(), Value::Array(system));
    }
    body.insert("messages".into(), messages(dialect, request)?);
    settings(request, &mut body);
    tools(request, &mut body);
    if mode == Mode::Stream {
        body.insert("stream".into(), json!(true));
    }
    content::add_extra(&mut body, &request.extra);
    let mut wire = WireRequest::post(PATH, Bytes::from(Value::Object(body).to_string()));
    wire.headers.insert(VERSION_HEADER, VERSION);
    Ok(wire)
}

/// The format has one place for what the system says, before the conversation.
fn system(messages: &[Message]) -> Vec<Value> {
    let parts = messages.iter().filter(|it| it.role == Role::System).flat_map(|it| &it.parts);
    parts
        .filter_map(|part| match part {
            Part::Text(text) => Some(json!({ "type": "text", "text": text })),
            Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
        })
        .collect()
}

/// Two speakers take turns here, and tool results open the user's turn; so neighbours of one side become one message.
fn messages(dialect: &Anthropic, request: &ChatRequest) -> Result<Value, ApiClientError> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in &request.messages {
        let role = match message.role {
            Role::System => continue,
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut blocks = Vec::new();
        for part in &message.parts {
            blocks.extend(block(dialect, &request.model, part)?);
        }
        match turns.last_mut() {
            Some((last, content)) if *last == role => content.append(&mut blocks),
            _ if blocks.is_empty() => {}
            _ => turns.push((role, blocks)),
        }
    }
    let turns = turns.into_iter().map(|(role, mut content)| {
        if role == "user" {
            content.sort_by_key(|block| block["type"] != "tool_result");
        }
        json!({ "role": role, "content": content })
    });
    Ok(turns.collect())
}

fn block(dialect: &Anthropic, model: &str, part: &Part) -> Result<Option<Value>, ApiClientError> {
    Ok(match part {
        // An empty text is refused.
        Part::Text(text) if text.is_empty() => None,
        Part::Text(text) => Some(json!({ "type": "text", "text": text })),
        Part::Image(picture) => Some(image(picture)),
        Part::ToolCall(call) => Some(json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": content::arguments(&dialect.provider, model, call)?,
        })),
        Part::ToolResult(result) => {
            let mut content = Vec::new();
            for part in &result.parts {
                content.extend(block(dialect, model, part)?);
            }
            let mut out = json!({
                "type": "tool_result",
                "tool_use_id": result.call_id,
                "content": content,
            });
            if result.is_error {
                out["is_error"] = json!(true);
            }
            Some(out)
        }
        Part::Thinking(thinking) => thought(dialect, thinking),
    })
}

/// Only thoughts that this provider can check go back to it.
fn thought(dialect: &Anthropic, thinking: &Thinking) -> Option<Value> {
    if thinking.provider != dialect.provider {
        return None;
    }
    match &thinking.content {
        ThinkingContent::Shown { text, signature } => {
            let signature = signature.as_ref()?;
            Some(json!({ "type": "thinking", "thinking": text, "signature": signature }))
        }
        ThinkingContent::Redacted(data) => Some(json!({ "type": "redacted_thinking", "data": data })),
    }
}

fn image(image: &Image) -> Value {
    let source = match content::inline(image) {
        Some((media_type, data)) => json!({ "type": "base64", "media_type": media_type, "data": data }),
        None => json!({ "type": "url", "url": content::image_url(image) }),
    };
    json!({ "type": "image", "source": source })
}

fn settings(request: &ChatRequest, body: &mut Map<String, Value>) {
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value);
        }
    };
    put("temperature", request.temperature.map(Value::from));
    put("top_p", request.top_p.map(Value::from));
    put("stop_sequences", (!request.stop.is_empty()).then(|| json!(request.stop)));
    // The only label that the format knows is the user's.
    put("metadata", request.user.as_ref().map(|user| json!({ "user_id": user })));
    let mut output = Map::new();
    match request.reasoning_effort.as_deref() {
        None => {}
        Some("none") => put("thinking", Some(json!({ "type": "disabled" }))),
        Some("minimal") => drop(output.insert("effort".into(), json!("low"))),
        Some(effort) => drop(output.insert("effort".into(), json!(effort))),
    }
    match &request.response_format {
        // An object without a schema was refused before.
        None | Some(ResponseFormat::Text | ResponseFormat::JsonObject) => {}
        Some(ResponseFormat::JsonSchema { schema, .. }) => {
            let format = json!({ "type": "json_schema", "schema": schema });
            output.insert("format".into(), format);
        }
    }
    put("output_config", (!output.is_empty()).then_some(Value::Object(output)));
}

fn tools(request: &ChatRequest, body: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    body.insert("tools".into(), request.tools.iter().map(tool).collect());
    let one_at_a_time = request.parallel_tool_calls == Some(false);
    let choice = match &request.tool_choice {
        None if one_at_a_time => Some(json!({ "type": "auto" })),
        None => None,
        Some(ToolChoice::Auto) => Some(json!({ "type": "auto" })),
        Some(ToolChoice::None) => Some(json!({ "type": "none" })),
        Some(ToolChoice::Required) => Some(json!({ "type": "any" })),
        Some(ToolChoice::Named(name)) => Some(json!({ "type": "tool", "name": name })),
    };
    if let Some(mut choice) = choice {
        if one_at_a_time && choice["type"] != "none" {
            choice["disable_parallel_tool_use"] = json!(true);
        }
        body.insert("tool_choice".into(), choice);
    }
}

fn tool(tool: &Tool) -> Value {
    let mut out = json!({ "name": tool.name, "input_schema": tool.parameters });
    if let Some(description) = &tool.description {
        out["description"] = json!(description);
    }
    if let Some(strict) = tool.strict {
        out["strict"] = json!(strict);
    }
    out
}
