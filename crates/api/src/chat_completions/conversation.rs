//! The messages of a request.

use codeflow_model::{Image, ImageSource, Message, Part, Role, ToolCall, ToolResult};

use crate::Error;
use crate::fields::{Fields, Node, Shape};

pub(super) fn message(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Message, Error> {
    let mut fields = node.fields()?;
    let role = fields.need("role")?;
    let message = match role.string()?.as_str() {
        "system" | "developer" => said(Role::System, &mut fields, dropped)?,
        "user" => said(Role::User, &mut fields, dropped)?,
        "assistant" => assistant(&mut fields, dropped)?,
        "tool" => tool(&mut fields, dropped)?,
        "function" => return Err(role.unsupported("is the old form of `tool`, which is not spoken here")),
        _ => return Err(role.wrong("must be system, developer, user, assistant or tool")),
    };
    fields.drop_rest(dropped);
    Ok(message)
}

fn said(role: Role, fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<Message, Error> {
    let may_show = role == Role::User;
    let parts = content(fields.need("content")?, may_show, dropped)?;
    Ok(Message { role, parts, name: fields.string("name")? })
}

fn assistant(fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<Message, Error> {
    for old in ["function_call", "audio"] {
        if let Some(node) = fields.take(old) {
            return Err(node.unsupported("is not supported"));
        }
    }
    let mut parts = match fields.take("content") {
        Some(node) => content(node, false, dropped)?,
        None => Vec::new(),
    };
    parts.extend(fields.string("refusal")?.map(Part::Text));
    if let Some(calls) = fields.take("tool_calls") {
        parts.extend(calls.each(|node| tool_call(node, dropped))?);
    }
    Ok(Message { role: Role::Assistant, parts, name: fields.string("name")? })
}

fn tool(fields: &mut Fields<'_, '_>, dropped: &mut Vec<String>) -> Result<Message, Error> {
    let call_id = fields.need("tool_call_id")?.string()?;
    let parts = content(fields.need("content")?, true, dropped)?;
    let result = ToolResult { call_id, parts, is_error: false };
    Ok(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], name: fields.string("name")? })
}

fn content(node: Node<'_, '_>, may_show: bool, dropped: &mut Vec<String>) -> Result<Vec<Part>, Error> {
    match node.shape() {
        Shape::Text => Ok(vec![Part::Text(node.string()?)]),
        Shape::List => node.each(|node| part(node, may_show, dropped)),
        Shape::Object | Shape::Other => Err(node.wrong("must be a string or an array of parts")),
    }
}

fn part(node: Node<'_, '_>, may_show: bool, dropped: &mut Vec<String>) -> Result<Part, Error> {
    let mut fields = node.fields()?;
    let kind = fields.need("type")?;
    let part = match kind.string()?.as_str() {
        "text" => Part::Text(fields.need("text")?.string()?),
        "refusal" => Part::Text(fields.need("refusal")?.string()?),
        "image_url" if may_show => Part::Image(image(fields.need("image_url")?, dropped)?),
        "image_url" => return Err(kind.wrong("cannot be image_url in a message of this role")),
        "input_audio" | "file" => {
            return Err(kind.unsupported("names a kind of content that is not supported"));
        }
        _ => return Err(kind.wrong("must be text, image_url or refusal")),
    };
    fields.drop_rest(dropped);
    Ok(part)
}

fn image(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Image, Error> {
    let mut fields = node.fields()?;
    let url = fields.need("url")?;
    let source = image_source(url)?;
    let detail = fields.string("detail")?;
    fields.drop_rest(dropped);
    Ok(Image { source, detail })
}

fn image_source(node: Node<'_, '_>) -> Result<ImageSource, Error> {
    let url = node.string()?;
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https") => Ok(ImageSource::Url(url)),
        Some("data") => {
            let rest = &url["data:".len()..];
            let (head, data) = rest.split_once(',').unwrap_or_default();
            match head.strip_suffix(";base64").map(|kind| kind.split(';').next().unwrap_or_default()) {
                Some(media_type) if media_type.contains('/') => Ok(ImageSource::Base64 {
                    media_type: media_type.to_ascii_lowercase(),
                    data: data.to_owned(),
                }),
                _ => Err(node.wrong("must name a media type and hold base64 when it is a data URL")),
            }
        }
        _ => Err(node.wrong("must be an http, https or data URL")),
    }
}

fn tool_call(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Part, Error> {
    let mut fields = node.fields()?;
    if let Some(kind) = fields.take("type")
        && kind.string()? != "function"
    {
        return Err(kind.unsupported("must be function"));
    }
    let id = fields.need("id")?.string()?;
    let function = fields.need("function")?;
    let mut inner = function.fields()?;
    let name = inner.need("name")?.string()?;
    let arguments = inner.need("arguments")?.string()?;
    inner.drop_rest(dropped);
    fields.drop_rest(dropped);
    Ok(Part::ToolCall(ToolCall { id, name, arguments }))
}
