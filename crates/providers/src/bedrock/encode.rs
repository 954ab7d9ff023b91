//! From our request to the body of Converse.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, Image, Message, Part, ResponseFormat, Role, Thinking, ThinkingContent, Tool,
    ToolChoice, ToolResult,
};
use serde_json::{Map, Value, json};

use super::{Bedrock, path};
use crate::{Dialect, Mode, WireRequest, content, failure};

/// Where fields of the model's own stand.
const MODEL_FIELDS: &str = "additionalModelRequestFields";

/// The fields of Converse that no field of ours stands for.
const CONVERSE: [&str; 7] = [
    MODEL_FIELDS,
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
];

pub(super) fn request(
    dialect: &Bedrock,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.capabilities(), request)?;
    let mut body = Map::new();
    let said = request.messages.iter().filter(|message| message.role == Role::System);
    let system: Vec<_> = said
        .flat_map(|message| message.parts.iter().filter_map(content::text))
        .map(|text| json!({ "text": text }))
        .collect();
    if !system.is_empty() {
        body.insert("system".into(), Value::Array(system));
    }
    body.insert("messages".into(), messages(dialect, request)?);
    settings(request, &mut body);
    tools(dialect, request, &mut body)?;
    extra(request, &mut body);
    let method = match mode {
        Mode::Whole => "converse",
        Mode::Stream => "converse-stream",
    };
    Ok(WireRequest::post(path(&request.model, method), Bytes::from(Value::Object(body).to_string())))
}

/// Two speakers take turns here, so neighbours of one side become one message.
fn messages(dialect: &Bedrock, request: &ChatRequest) -> Result<Value, ApiClientError> {
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
    Ok(turns.into_iter().map(|(role, content)| json!({ "role": role, "content": content })).collect())
}

fn block(dialect: &Bedrock, model: &str, part: &Part) -> Result<Option<Value>, ApiClientError> {
    Ok(match part {
        // An empty text is refused.
        Part::Text(text) => (!text.is_empty()).then(|| json!({ "text": text })),
        Part::Image(picture) => Some(image(dialect, model, picture)?),
        Part::ToolCall(call) => {
            let input = content::arguments(&dialect.provider, model, call)?;
            Some(json!({ "toolUse": { "toolUseId": call.id, "name": call.name, "input": input } }))
        }
        Part::ToolResult(result) => Some(tool_result(dialect, model, result)?),
        Part::Thinking(thinking) => thought(dialect, thinking),
    })
}

fn tool_result(dialect: &Bedrock, model: &str, result: &ToolResult) -> Result<Value, ApiClientError> {
    let mut blocks = Vec::new();
    for part in &result.parts {
        blocks.extend(block(dialect, model, part)?);
    }
    let mut out = json!({ "toolUseId": result.call_id, "content": blocks });
    if result.is_error {
        out["status"] = json!("error");
    }
    Ok(json!({ "toolResult": out }))
}

/// Only thoughts that this provider can check go back to it.
fn thought(dialect: &Bedrock, thinking: &Thinking) -> Option<Value> {
    if thinking.provider != dialect.provider {
        return None;
    }
    let content = match &thinking.content {
        ThinkingContent::Shown { text, signature } => {
            let mut inner = json!({ "text": text });
            if let Some(signature) = signature {
                inner["signature"] = json!(signature);
            }
            json!({ "reasoningText": inner })
        }
        ThinkingContent::Redacted(data) => json!({ "redactedContent": data }),
    };
    Some(json!({ "reasoningContent": content }))
}

fn image(dialect: &Bedrock, model: &str, image: &Image) -> Result<Value, ApiClientError> {
    let (media_type, data) = content::inline_only(&dialect.provider, model, image)?;
    let format = match media_type.strip_prefix("image/").unwrap_or(media_type) {
        "jpg" => "jpeg",
        other => other,
    };
    Ok(json!({ "image": { "format": format, "source": { "bytes": data } } }))
}

fn settings(request: &ChatRequest, body: &mut Map<String, Value>) {
    let mut inference = Map::new();
    content::put(&mut inference, "maxTokens", request.max_output_tokens);
    content::put(&mut inference, "temperature", request.temperature);
    content::put(&mut inference, "topP", request.top_p);
    content::put(&mut inference, "stopSequences", (!request.stop.is_empty()).then(|| json!(request.stop)));
    content::put(body, "inferenceConfig", (!inference.is_empty()).then_some(Value::Object(inference)));
    content::put(body, "requestMetadata", (!request.metadata.is_empty()).then(|| json!(request.metadata)));
    match &request.response_format {
        // An object without a schema was refused before.
        None | Some(ResponseFormat::Text | ResponseFormat::JsonObject) => {}
        Some(ResponseFormat::JsonSchema { name, schema, .. }) => {
            // The schema travels as a text.
            let schema = json!({ "name": name, "schema": schema.to_string() });
            let format = json!({ "type": "json_schema", "structure": { "jsonSchema": schema } });
            body.insert("outputConfig".into(), json!({ "textFormat": format }));
        }
    }
}

/// Converse has a few fields of its own; every other one is the model's. Efforts are the model's too, and each family
/// has its own field for them.
fn extra(request: &ChatRequest, body: &mut Map<String, Value>) {
    let mut own = Map::new();
    if let Some(effort) = &request.reasoning_effort {
        let (name, value) = if request.model.contains("anthropic.") {
            match effort.as_str() {
                "none" => ("thinking", json!({ "type": "disabled" })),
                "minimal" => ("output_config", json!({ "effort": "low" })),
                effort => ("output_config", json!({ "effort": effort })),
            }
        } else if request.model.contains("amazon.nova") {
            ("reasoningConfig", json!({ "type": "enabled", "maxReasoningEffort": effort }))
        } else {
            ("reasoning_effort", json!(effort))
        };
        own.insert(name.to_owned(), value);
    }
    for (name, value) in &request.extra {
        if CONVERSE.contains(&name.as_str()) {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        } else {
            own.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    if !own.is_empty() {
        let fields = body.entry(MODEL_FIELDS).or_insert_with(|| json!({}));
        if let Some(fields) = fields.as_object_mut() {
            fields.extend(own);
        }
    }
}

/// A model that may not call can only be kept from it by leaving the tools away, which a conversation that has calls in
/// it does not allow.
fn tools(
    dialect: &Bedrock,
    request: &ChatRequest,
    body: &mut Map<String, Value>,
) -> Result<(), ApiClientError> {
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({ "auto": {} })),
        Some(ToolChoice::Required) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        Some(ToolChoice::None) if request.messages.iter().any(has_call) => {
            let what = "no call in a conversation with calls";
            return Err(failure::unsupported(&dialect.provider, &request.model, what));
        }
        Some(ToolChoice::None) => return Ok(()),
    };
    if !request.tools.is_empty() {
        let mut config = Map::new();
        config.insert("tools".into(), request.tools.iter().map(tool).collect());
        content::put(&mut config, "toolChoice", choice);
        body.insert("toolConfig".into(), Value::Object(config));
    }
    Ok(())
}

fn has_call(message: &Message) -> bool {
    message.parts.iter().any(|part| matches!(part, Part::ToolCall(_)))
}

fn tool(tool: &Tool) -> Value {
    let mut spec = json!({ "name": tool.name, "inputSchema": { "json": tool.parameters } });
    if let Some(description) = &tool.description {
        spec["description"] = json!(description);
    }
    if let Some(strict) = tool.strict {
        spec["strict"] = json!(strict);
    }
    json!({ "toolSpec": spec })
}
