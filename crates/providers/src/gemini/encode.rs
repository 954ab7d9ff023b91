//! From our request to the body of `generateContent`.

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatRequest, Image, Part, ResponseFormat, Role, Thinking, ThinkingContent, ToolChoice,
    ToolResult,
};
use serde_json::{Map, Value, json};

use super::{Gemini, path};
use crate::{Dialect, Mode, WireRequest, content, failure};

/// What stands in for the signature of a call that another model made, or whose signature is lost.
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

pub(super) fn request(
    dialect: &Gemini,
    request: &ChatRequest,
    mode: Mode,
) -> Result<WireRequest, ApiClientError> {
    content::check(&dialect.provider, &dialect.capabilities(), request)?;
    let mut body = Map::new();
    let system: Vec<_> = request
        .messages
        .iter()
        .filter(|message| message.role == Role::System)
        .flat_map(|message| message.parts.iter().filter_map(content::text))
        .map(|text| json!({ "text": text }))
        .collect();
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({ "parts": system }));
    }
    body.insert("contents".into(), contents(dialect, request)?);
    tools(request, &mut body);
    let settings = settings(request);
    if !settings.is_empty() {
        body.insert("generationConfig".into(), Value::Object(settings));
    }
    content::add_extra(&mut body, &request.extra);
    let method = match mode {
        Mode::Whole => "generateContent",
        Mode::Stream => "streamGenerateContent?alt=sse",
    };
    Ok(WireRequest::post(path(&request.model, method), Bytes::from(Value::Object(body).to_string())))
}

/// Two speakers take turns here, so neighbours of one side become one turn.
fn contents(dialect: &Gemini, request: &ChatRequest) -> Result<Value, ApiClientError> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for (at, message) in request.messages.iter().enumerate() {
        let (role, mut parts) = match message.role {
            Role::System => continue,
            Role::User | Role::Tool => ("user", said_to_it(request, at)),
            Role::Assistant => ("model", said_by_it(dialect, request, at)?),
        };
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.append(&mut parts),
            _ if parts.is_empty() => {}
            _ => turns.push((role, parts)),
        }
    }
    Ok(turns.into_iter().map(|(role, parts)| json!({ "role": role, "parts": parts })).collect())
}

/// The pictures of results follow all results, which the format wants together.
fn said_to_it(request: &ChatRequest, at: usize) -> Vec<Value> {
    let mut results = Vec::new();
    let mut rest = Vec::new();
    for part in &request.messages[at].parts {
        match part {
            Part::Text(text) => rest.push(json!({ "text": text })),
            Part::Image(picture) => rest.push(image(picture)),
            Part::ToolResult(result) => {
                let name = content::tool_name(&request.messages, at, &result.call_id);
                results.push(tool_result(result, name));
                rest.extend(result.parts.iter().filter_map(content::image).map(image));
            }
            Part::ToolCall(_) | Part::Thinking(_) => {}
        }
    }
    results.append(&mut rest);
    results
}

/// A signature stands on the part that follows it. A call needs one, at least the first of several.
fn said_by_it(dialect: &Gemini, request: &ChatRequest, at: usize) -> Result<Vec<Value>, ApiClientError> {
    let mut out = Vec::new();
    let mut signature: Option<&str> = None;
    let mut has_call = false;
    for part in &request.messages[at].parts {
        let mut said = match part {
            Part::Text(text) => json!({ "text": text }),
            Part::Image(picture) => image(picture),
            Part::ToolCall(call) => {
                if !std::mem::replace(&mut has_call, true) && wants_signatures(&request.model) {
                    signature = signature.or(Some(NO_SIGNATURE));
                }
                let args = content::arguments(&dialect.provider, &request.model, call)?;
                let mut function = json!({ "name": call.name, "args": args });
                identify(&mut function, &call.id);
                json!({ "functionCall": function })
            }
            Part::Thinking(thinking) => match thought(dialect, thinking) {
                Some(Thought::Shown(part)) => part,
                Some(Thought::Signature(next)) => {
                    signature = Some(next);
                    continue;
                }
                None => continue,
            },
            Part::ToolResult(_) => continue,
        };
        if let Some(signature) = signature.take() {
            said["thoughtSignature"] = json!(signature);
        }
        out.push(said);
    }
    out.extend(signature.map(|signature| json!({ "text": "", "thoughtSignature": signature })));
    Ok(out)
}

/// Models before the third generation return no signatures for calls, and ask for none.
fn wants_signatures(model: &str) -> bool {
    !["gemini-1", "gemini-2"].iter().any(|old| model.contains(old))
}

enum Thought<'a> {
    Shown(Value),
    Signature(&'a str),
}

/// Only thoughts that this provider can check go back to it.
fn thought<'a>(dialect: &Gemini, thinking: &'a Thinking) -> Option<Thought<'a>> {
    if thinking.provider != dialect.provider {
        return None;
    }
    Some(match &thinking.content {
        ThinkingContent::Redacted(signature) => Thought::Signature(signature),
        ThinkingContent::Shown { text, signature } => {
            let mut part = json!({ "text": text, "thought": true });
            if let Some(signature) = signature {
                part["thoughtSignature"] = json!(signature);
            }
            Thought::Shown(part)
        }
    })
}

/// The format wants a JSON object from a tool.
fn tool_result(result: &ToolResult, name: Option<&str>) -> Value {
    let text = content::result_text(result);
    let response = match serde_json::from_str::<Map<String, Value>>(&text) {
        Ok(object) if !result.is_error => Value::Object(object),
        Ok(_) | Err(_) if result.is_error => json!({ "error": text }),
        Ok(_) | Err(_) => json!({ "result": text }),
    };
    let name = name.unwrap_or(&result.call_id);
    let mut out = json!({ "name": name, "response": response });
    identify(&mut out, &result.call_id);
    json!({ "functionResponse": out })
}

/// The provider matches ids that it gave itself; where it gave none, it goes by the order.
fn identify(part: &mut Value, id: &str) {
    if !failure::is_made_up(id) {
        part["id"] = json!(id);
    }
}

fn image(image: &Image) -> Value {
    match content::inline(image) {
        Some((media_type, data)) => json!({ "inlineData": { "mimeType": media_type, "data": data } }),
        None => {
            let url = content::image_url(image);
            json!({ "fileData": { "mimeType": media_type(&url), "fileUri": url } })
        }
    }
}

/// What an address ends in is all that is known about a picture that is elsewhere.
fn media_type(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    match path.rsplit('.').next() {
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        Some("heic") => "image/heic",
        Some("heif") => "image/heif",
        _ => "image/jpeg",
    }
}

fn settings(request: &ChatRequest) -> Map<String, Value> {
    let mut out = Map::new();
    content::put(&mut out, "maxOutputTokens", request.max_output_tokens);
    content::put(&mut out, "temperature", request.temperature);
    content::put(&mut out, "topP", request.top_p);
    content::put(&mut out, "stopSequences", (!request.stop.is_empty()).then(|| json!(request.stop)));
    content::put(&mut out, "seed", request.seed);
    content::put(
        &mut out,
        "thinkingConfig",
        request.reasoning_effort.as_deref().map(|it| thinking(request, it)),
    );
    let (kind, schema) = match &request.response_format {
        None | Some(ResponseFormat::Text) => (None, None),
        Some(ResponseFormat::JsonObject) => (Some("application/json"), None),
        Some(ResponseFormat::JsonSchema { schema, .. }) => (Some("application/json"), Some(schema.clone())),
    };
    content::put(&mut out, "responseMimeType", kind);
    content::put(&mut out, "responseJsonSchema", schema);
    out
}

/// Models of the second generation count their thoughts in tokens, later ones in words.
fn thinking(request: &ChatRequest, effort: &str) -> Value {
    if !wants_signatures(&request.model) {
        let budget = match effort {
            "none" => 0,
            "minimal" | "low" => 1024,
            "medium" => 8192,
            _ => 24_576,
        };
        return json!({ "thinkingBudget": budget, "includeThoughts": budget > 0 });
    }
    let level = match effort {
        "none" => "minimal",
        "xhigh" | "max" => "high",
        other => other,
    };
    json!({ "thinkingLevel": level, "includeThoughts": effort != "none" })
}

fn tools(request: &ChatRequest, body: &mut Map<String, Value>) {
    if request.tools.is_empty() {
        return;
    }
    let tools = request.tools.iter().map(|tool| {
        let mut out = json!({ "name": tool.name, "parametersJsonSchema": tool.parameters });
        if let Some(description) = &tool.description {
            out["description"] = json!(description);
        }
        out
    });
    let tools: Vec<_> = tools.collect();
    body.insert("tools".into(), json!([{ "functionDeclarations": tools }]));
    let choice = match &request.tool_choice {
        None => return,
        Some(ToolChoice::Auto) => json!({ "mode": "AUTO" }),
        Some(ToolChoice::None) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Required) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    };
    body.insert("toolConfig".into(), json!({ "functionCallingConfig": choice }));
}
