//! What a `run` step says: a command as a list of words, what it is given, and what it may use. No word of it is ever
//! read by a shell, so a value that somebody else wrote stays one argument.

use std::time::Duration;

use codeflow_expr::Template;
use indexmap::IndexMap;
use serde_json::Value;

use super::context::{Context, Fields, Read};
use super::node::{Content, Node};
use super::problem::{ProblemCode, shown};
use super::shape::RUN;
use super::{Limits, StepKind};
use crate::parse_bytes;

/// A command and its surroundings.
#[derive(Clone, Debug)]
pub struct RunStep {
    /// The program and its arguments.
    pub command: Vec<Template>,
    /// What it reads from standard input.
    pub stdin: Option<Template>,
    /// Files in its working folder, by name.
    pub files: IndexMap<String, Template>,
    /// Its variables, by name.
    pub env: IndexMap<String, Template>,
    /// Whether it may reach the network.
    pub network: bool,
    /// The exit codes that are no failure.
    pub accept: Vec<u8>,
    /// What it may use.
    pub limits: RunLimits,
}

/// What a command may use; what is left out is as the server's settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Time on a processor.
    pub cpu: Option<Duration>,
    /// Processes at the same time.
    pub processes: Option<u32>,
    /// Open files of one process.
    pub open_files: Option<u32>,
    /// Bytes in one file.
    pub file_size: Option<u64>,
    /// Bytes that are kept of each output.
    pub output: Option<u64>,
}

/// Reads `run`: a list of words, or a mapping with the list as `command`.
pub(super) fn read<'n>(node: &'n Node, reads: &mut Vec<Read<'n>>, ctx: &mut Context<'_>) -> Option<StepKind> {
    let fields = match &node.content {
        Content::List(_) => Fields::default(),
        Content::Map(_) => ctx.fields(node, node.at, &RUN)?,
        Content::Broken | Content::Scalar(_) => {
            ctx.wrong_type(node, "a list: the program and its arguments", "write `[program, argument]`");
            return None;
        }
    };
    let words = fields.get("command");
    let words = if matches!(node.content, Content::List(_)) { node } else { words? };
    let command = command(words, reads, ctx)?;
    let run = RunStep {
        command,
        stdin: fields.get("stdin").and_then(|node| ctx.template(node, reads)),
        files: templates(fields.get("files"), reads, ctx),
        env: templates(fields.get("env"), reads, ctx),
        network: fields.get("network").and_then(|node| ctx.flag(node)).unwrap_or_default(),
        accept: fields.get("accept").map_or_else(|| vec![0], |node| codes(node, ctx)),
        limits: limits(fields, ctx),
    };
    Some(StepKind::Run(Box::new(run)))
}

fn command<'n>(node: &'n Node, reads: &mut Vec<Read<'n>>, ctx: &mut Context<'_>) -> Option<Vec<Template>> {
    let words = ctx.list(node, "a list: the program and its arguments")?;
    if words.is_empty() {
        let hint = "start the list with a program";
        ctx.report.add(ProblemCode::BadValue, node.at, "`run` names no program", hint);
    }
    let mut read = |word: &'n Node| {
        ctx.text(word, "a text")?;
        ctx.template(word, reads)
    };
    Some(words.iter().filter_map(&mut read).collect())
}

fn templates<'n>(
    node: Option<&'n Node>,
    reads: &mut Vec<Read<'n>>,
    ctx: &mut Context<'_>,
) -> IndexMap<String, Template> {
    let entries = node.and_then(|node| ctx.entries(node, "a mapping of names to texts")).unwrap_or_default();
    let mut read =
        |entry: &'n super::node::Entry| Some((entry.key.clone(), ctx.template(&entry.value, reads)?));
    entries.iter().filter_map(&mut read).collect()
}

fn codes(node: &Node, ctx: &mut Context<'_>) -> Vec<u8> {
    let codes = ctx.list(node, "a list of exit codes").unwrap_or_default();
    let mut read = |node: &Node| ctx.whole(node, 0..=255).and_then(|code| u8::try_from(code).ok());
    codes.iter().filter_map(&mut read).collect()
}

fn limits(fields: Fields<'_>, ctx: &mut Context<'_>) -> RunLimits {
    RunLimits {
        memory: fields.get("memory").and_then(|node| size(node, ctx)),
        cpu: fields.get("cpu").and_then(|node| ctx.duration(node, Limits::TIMEOUT)),
        processes: fields.get("processes").and_then(|node| ctx.whole(node, 1..=Limits::RUN_COUNT)),
        open_files: fields.get("open_files").and_then(|node| ctx.whole(node, 1..=Limits::RUN_COUNT)),
        file_size: fields.get("file_size").and_then(|node| size(node, ctx)),
        output: fields.get("output").and_then(|node| size(node, ctx)),
    }
}

fn size(node: &Node, ctx: &mut Context<'_>) -> Option<u64> {
    let text = match &node.content {
        Content::Scalar(Value::Number(number)) => number.to_string(),
        Content::Broken | Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
            ctx.text(node, "a size such as `64 MiB`")?.to_owned()
        }
    };
    let size = parse_bytes(&text).filter(|size| *size > 0);
    if size.is_none() {
        let message = format!("`{}` is not a size", shown(&text));
        let hint = "write a number with a unit: 64 KiB, 32 MiB, 1 GiB";
        ctx.report.add(ProblemCode::BadValue, node.at, message, hint);
    }
    size
}
