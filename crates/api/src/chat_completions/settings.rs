//! Everything of a request but its conversation.

use codeflow_model::{ChatRequest, ResponseFormat, Tool, ToolChoice};
use serde_json::json;

use crate::Error;
use crate::fields::{Fields, Node, Shape};

/// Refuses what would change the reply if it were left out, and cannot be asked of every provider.
pub(super) fn refuse(fields: &mut Fields<'_, '_>) -> Result<(), Error> {
    for (old, new) in [("functions", "tools"), ("function_call", "tool_choice")] {
        if let Some(node) = fields.take(old) {
            return Err(node.unsupported(&format!("is the old form of `{new}`, which is not spoken here")));
        }
    }
    if let Some(node) = fields.take("audio") {
        return Err(node.unsupported("is not supported: replies are text"));
    }
    if let Some(node) = fields.take("n")
        && node.read::<u64>("must be a whole number")? != 1
    {
        return Err(node.unsupported("must be 1: one request gets one reply"));
    }
    if let Some(node) = fields.take("modalities") {
        node.each(|kind| match kind.string()?.as_str() {
            "text" => Ok(()),
            _ => Err(kind.unsupported("must be text")),
        })?;
    }
    Ok(())
}

pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    request: &mut ChatRequest,
    dropped: &mut Vec<String>,
) -> Result<(), Error> {
    if let Some(tools) = fields.take("tools") {
        request.tools = tools.each(|node| tool(node, dropped))?;
    }
    request.tool_choice = fields.take("tool_choice").map(tool_choice).transpose()?;
    request.parallel_tool_calls = fields.flag("parallel_tool_calls")?;
    if let Some(format) = fields.take("response_format") {
        request.response_format = Some(response_format(format, dropped)?);
    }
    request.max_output_tokens = limit(fields)?;
    request.temperature = fields.number("temperature")?;
    request.top_p = fields.number("top_p")?;
    request.stop = fields.take("stop").map(stop).transpose()?.unwrap_or_default();
    request.seed = fields.whole("seed")?;
    request.reasoning_effort = fields.string("reasoning_effort")?;
    request.user = fields.string("user")?;
    // The newer name of the same thing.
    if let Some(user) = fields.string("safety_identifier")? {
        request.user = Some(user);
    }
    if let Some(metadata) = fields.take("metadata") {
        request.metadata = metadata.read("must be an object")?;
    }
    Ok(())
}

fn limit(fields: &mut Fields<'_, '_>) -> Result<Option<u64>, Error> {
    let old = fields.count("max_tokens")?;
    let new = fields.count("max_completion_tokens")?;
    if old.is_some() && new.is_some() && old != new {
        return Err(fields.wrong("max_tokens", "contradicts `max_completion_tokens`"));
    }
    Ok(new.or(old))
}

fn stop(node: Node<'_, '_>) -> Result<Vec<String>, Error> {
    match node.shape() {
        Shape::Text => Ok(vec![node.string()?]),
        Shape::List => node.each(|text| text.string()),
        Shape::Object | Shape::Other => Err(node.wrong("must be a string or an array of strings")),
    }
}

pub(super) fn wants_usage(fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<bool, Error> {
    let Some(node) = fields.take("stream_options") else { return Ok(false) };
    let mut options = node.fields()?;
    let wants = options.flag("include_usage")?.unwrap_or(false);
    options.drop_rest(dropped);
    Ok(wants)
}

fn tool(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Tool, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    if kind.string()? != "function" {
        return Err(kind.unsupported("must be function: other tools run at one vendor only"));
    }
    let function = fields.need("function")?;
    let mut inner = function.fields()?;
    let name = inner.need("name")?.string()?;
    let description = inner.string("description")?;
    let strict = inner.flag("strict")?;
    let parameters = match inner.take("parameters") {
        Some(schema) => schema.object_value()?,
        None => json!({ "type": "object", "properties": {} }),
    };
    inner.drop_rest(dropped);
    fields.drop_rest(dropped);
    Ok(Tool { name, description, parameters, strict })
}

fn tool_choice(node: Node<'_, '_>) -> Result<ToolChoice, Error> {
    if node.shape() == Shape::Text {
        return match node.string()?.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Err(node.wrong("must be auto, none, required, or name a function")),
        };
    }
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    match kind.string()?.as_str() {
        "function" => {}
        "allowed_tools" | "custom" => return Err(kind.unsupported("must be function")),
        _ => return Err(kind.wrong("must be function")),
    }
    let function = fields.need("function")?;
    Ok(ToolChoice::Named(function.fields()?.need("name")?.string()?))
}

fn response_format(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<ResponseFormat, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    let format = match kind.string()?.as_str() {
        "text" => ResponseFormat::Text,
        "json_object" => ResponseFormat::JsonObject,
        "json_schema" => {
            let inner = fields.need("json_schema")?;
            let mut inner = inner.fields()?;
            let name = inner.need("name")?.string()?;
            let schema = match inner.take("schema") {
                Some(schema) => schema.object_value()?,
                None => json!({}),
            };
            let strict = inner.flag("strict")?;
            inner.drop_rest(dropped);
            ResponseFormat::JsonSchema { name, schema, strict }
        }
        _ => return Err(kind.wrong("must be text, json_object or json_schema")),
    };
    fields.drop_rest(dropped);
    Ok(format)
}
