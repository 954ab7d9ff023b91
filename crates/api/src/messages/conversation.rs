//! The system's words and the turns of a request.

use codeflow_model::{Message, Part, Role};

use super::blocks;
use crate::Error;
use crate::fields::{Node, Shape};

/// What stands before the conversation.
pub(super) fn system(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Option<Message>, Error> {
    let parts = content(node, Role::System, dropped)?;
    Ok((!parts.is_empty()).then_some(Message { role: Role::System, parts, name: None }))
}

/// One turn. Tool results are messages of their own, apart from what the user says beside them.
pub(super) fn turn(node: Node<'_, '_>, dropped: &mut Vec<String>) -> Result<Vec<Message>, Error> {
    let mut fields = node.fields()?;
    let role = fields.need("role")?;
    let role = match role.string()?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(role.wrong("must be user or assistant")),
    };
    let parts = content(fields.need("content")?, role, dropped)?;
    fields.drop_rest(dropped);
    Ok(split(role, parts))
}

fn content(node: Node<'_, '_>, role: Role, dropped: &mut Vec<String>) -> Result<Vec<Part>, Error> {
    match node.shape() {
        Shape::Text => Ok(vec![Part::Text(node.string()?)]),
        Shape::List => node.each(|block| blocks::block(block, role, dropped)),
        Shape::Object | Shape::Other => Err(node.wrong("must be a string or an array of blocks")),
    }
}

fn split(role: Role, parts: Vec<Part>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    for part in parts {
        let role = if matches!(part, Part::ToolResult(_)) { Role::Tool } else { role };
        match messages.last_mut().filter(|last| last.role == role) {
            Some(last) => last.parts.push(part),
            None => messages.push(Message { role, parts: vec![part], name: None }),
        }
    }
    messages
}
