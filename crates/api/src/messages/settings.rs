//! Everything of a request but its conversation.

use codeflow_model::{ChatRequest, ResponseFormat, Tool, ToolChoice};

use crate::Error;
use crate::fields::{Fields, Node};

/// The name of a reply's schema, which this format leaves out and others insist on.
const SCHEMA_NAME: &str = "reply";

/// Up to so many tokens of thought count as a low effort, and as a medium one; more are a high one.
const LOW_BUDGET: u64 = 4096;
const MEDIUM_BUDGET: u64 = 16_384;

/// Refuses what would change the reply if it were left out, and cannot be asked of every provider.
pub(super) fn refuse(fields: &mut Fields<'_, '_>) -> Result<(), Error> {
    if let Some(node) = fields.take("mcp_servers")
        && !node.each(|_| Ok(()))?.is_empty()
    {
        return Err(node.unsupported("is not supported: those tools run at one vendor only"));
    }
    if let Some(node) = fields.take("container") {
        return Err(node.unsupported("is not supported: containers run at one vendor only"));
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
    if let Some(choice) = fields.take("tool_choice") {
        tool_choice(choice, request, dropped)?;
    }
    request.temperature = fields.number("temperature")?;
    request.top_p = fields.number("top_p")?;
    if let Some(stops) = fields.take("stop_sequences") {
        request.stop = stops.each(|text| text.string())?;
    }
    if let Some(node) = fields.take("metadata") {
        let mut metadata = node.fields()?;
        request.user = metadata.string("user_id")?;
        metadata.drop_rest(dropped);
    }
    if let Some(node) = fields.take("thinking") {
        request.reasoning_effort = thinking(node, dropped)?;
    }
    if let Some(node) = fields.take("output_config") {
        output(node, request, dropped)?;
    }
    // Where the format of the reply stood before it moved.
    if let Some(node) = fields.take("output_format") {
        request.response_format = Some(format(node, dropped)?);
    }
    Ok(())
}

fn tool(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Tool, Error> {
    let mut fields = node.fields()?;
    if let Some(kind) = fields.take("type")
        && kind.string()? != "custom"
    {
        return Err(kind.unsupported("must be custom: other tools run at one vendor only"));
    }
    let tool = Tool {
        name: fields.need("name")?.string()?,
        description: fields.string("description")?,
        parameters: fields.need("input_schema")?.object_value()?,
        strict: fields.flag("strict")?,
    };
    fields.drop_one("cache_control", &mut Vec::new());
    fields.drop_rest(dropped);
    Ok(tool)
}

fn tool_choice(
    node: Node<'_, '_>,
    request: &mut ChatRequest,
    dropped: &mut Vec<String>,
) -> Result<(), Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    request.tool_choice = Some(match kind.string()?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Required,
        "none" => ToolChoice::None,
        "tool" => ToolChoice::Named(fields.need("name")?.string()?),
        _ => return Err(kind.wrong("must be auto, any, tool or none")),
    });
    request.parallel_tool_calls = fields.flag("disable_parallel_tool_use")?.map(|disable| !disable);
    fields.drop_rest(dropped);
    Ok(())
}

/// The nearest word for how much may be thought. A request that says nothing of it does not think, which is what
/// other providers do when they are told nothing, too.
fn thinking(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Option<String>, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    let effort = match kind.string()?.as_str() {
        "disabled" | "adaptive" => None,
        "enabled" => {
            let budget: u64 = fields.need("budget_tokens")?.read("must be a whole number")?;
            Some(match budget {
                _ if budget <= LOW_BUDGET => "low",
                _ if budget <= MEDIUM_BUDGET => "medium",
                _ => "high",
            })
        }
        _ => return Err(kind.wrong("must be enabled, adaptive or disabled")),
    };
    fields.drop_rest(dropped);
    Ok(effort.map(str::to_owned))
}

fn output(node: Node<'_, '_>, request: &mut ChatRequest, dropped: &mut Vec<String>) -> Result<(), Error> {
    let mut fields = node.fields()?;
    if let Some(effort) = fields.string("effort")? {
        request.reasoning_effort = Some(effort);
    }
    if let Some(node) = fields.take("format") {
        request.response_format = Some(format(node, dropped)?);
    }
    fields.drop_rest(dropped);
    Ok(())
}

fn format(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<ResponseFormat, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    if kind.string()? != "json_schema" {
        return Err(kind.wrong("must be json_schema"));
    }
    let schema = fields.need("schema")?.object_value()?;
    fields.drop_rest(dropped);
    Ok(ResponseFormat::JsonSchema { name: SCHEMA_NAME.to_owned(), schema, strict: Some(true) })
}
