//! The blocks of a turn.

use codeflow_model::{Image, ImageSource, Part, Role, ToolCall, ToolResult};
use serde::Deserialize;

use super::{UNREADABLE, thoughts};
use crate::Error;
use crate::fields::{Fields, Node, Shape};

/// The input of a call whose arguments were no JSON object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unreadable {
    #[serde(rename = "_unreadable_arguments")]
    arguments: String,
}

pub(super) fn block(node: Node<'_, '_>, role: Role, dropped: &mut Vec<String>) -> Result<Part, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    let part = match (kind.string()?.as_str(), role) {
        ("text", _) => Part::Text(fields.need("text")?.string()?),
        ("image", Role::User | Role::Tool) => Part::Image(image(&mut fields, dropped)?),
        ("tool_result", Role::User) => Part::ToolResult(tool_result(&mut fields, dropped)?),
        ("tool_use", Role::Assistant) => Part::ToolCall(tool_use(&mut fields)?),
        ("thinking", Role::Assistant) => {
            let text = fields.need("thinking")?.string()?;
            Part::Thinking(thoughts::shown(text, &fields.string("signature")?.unwrap_or_default()))
        }
        ("redacted_thinking", Role::Assistant) => {
            Part::Thinking(thoughts::redacted(&fields.need("data")?.string()?))
        }
        ("image" | "tool_result" | "tool_use" | "thinking" | "redacted_thinking", _) => {
            return Err(kind.wrong("names a block that has no place here"));
        }
        _ => return Err(kind.unsupported("names a block that is not supported")),
    };
    // Hints for one vendor's cache change nothing that is said, and stand on nearly every block.
    fields.drop_one("cache_control", &mut Vec::new());
    fields.drop_rest(dropped);
    Ok(part)
}

fn image(fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<Image, Error> {
    let source = fields.need("source")?;
    let mut inner = source.fields()?;
    let kind = inner.need("type")?;
    let source = match kind.string()?.as_str() {
        "base64" => ImageSource::Base64 {
            media_type: inner.need("media_type")?.string()?,
            data: inner.need("data")?.string()?,
        },
        "url" => ImageSource::Url(url(inner.need("url")?)?),
        "file" => return Err(kind.unsupported("must be base64 or url: files are kept at one vendor only")),
        _ => return Err(kind.wrong("must be base64 or url")),
    };
    inner.drop_rest(dropped);
    Ok(Image { source, detail: None })
}

fn url(node: Node<'_, '_>) -> Result<String, Error> {
    let url = node.string()?;
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Ok(url),
        _ => Err(node.wrong("must be an http or https URL")),
    }
}

fn tool_use(fields: &mut Fields<'_, '_>) -> Result<ToolCall, Error> {
    let id = fields.need("id")?.string()?;
    let name = fields.need("name")?.string()?;
    let input = fields.need("input")?;
    if input.shape() != Shape::Object {
        return Err(input.wrong("must be an object"));
    }
    let written = input.written();
    let hidden = written.contains(UNREADABLE).then(|| serde_json::from_str::<Unreadable>(written).ok());
    let arguments = match hidden.flatten() {
        Some(hidden) => hidden.arguments,
        None => written.to_owned(),
    };
    Ok(ToolCall { id, name, arguments })
}

fn tool_result(fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<ToolResult, Error> {
    let call_id = fields.need("tool_use_id")?.string()?;
    let is_error = fields.flag("is_error")?.unwrap_or(false);
    let parts = match fields.take("content") {
        None => Vec::new(),
        Some(node) => match node.shape() {
            Shape::Text => vec![Part::Text(node.string()?)],
            Shape::List => node.each(|inner| block(inner, Role::Tool, dropped))?,
            Shape::Object | Shape::Other => {
                return Err(node.wrong("must be a string or an array of blocks"));
            }
        },
    };
    Ok(ToolResult { call_id, parts, is_error })
}
