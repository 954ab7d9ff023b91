//! Errors on the terminal: what happened, where, and what to do; and which exit code that makes.

use anstyle::{AnsiColor, Style};
use codeflow::core::{Class, Coded, Problems};
use codeflow::{config, engine, model};

use crate::{Exit, terminal};

/// A use of the command line that cannot work.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub(crate) struct Misuse {
    kind: MisuseKind,
    context: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MisuseKind {
    /// The folder belongs to no repository.
    NoRepository,
    /// There is no such file and no such built-in workflow.
    UnknownWorkflow,
    /// A file cannot be read.
    UnreadableFile,
    /// The result cannot be written where it should go.
    UnwritableOutput,
    /// A value on the command line is not what it should be.
    BadValue,
    /// There is nothing that `latest` could mean.
    NoExecution,
}

impl MisuseKind {
    fn code(self) -> &'static str {
        match self {
            Self::NoRepository => "cli.no_repository",
            Self::UnknownWorkflow => "cli.unknown_workflow",
            Self::UnreadableFile => "cli.unreadable_file",
            Self::UnwritableOutput => "cli.unwritable_output",
            Self::BadValue => "cli.bad_value",
            Self::NoExecution => "cli.no_execution",
        }
    }
}

impl Misuse {
    pub(crate) fn new(kind: MisuseKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }
}

impl Coded for Misuse {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        Class::Invalid
    }
}

/// Tells about an error on standard error; as one line of JSON when that is what the caller reads.
pub(crate) fn report(error: &anyhow::Error, as_json: bool) -> Exit {
    let coded = error.chain().find_map(coded);
    let code = code(coded);
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    if as_json {
        let document =
            serde_json::json!({ "error": { "code": code, "message": error.to_string(), "causes": causes } });
        terminal::tell(&document.to_string());
    } else {
        tell(&error.to_string(), &causes, code);
    }
    coded.map_or(Exit::Failure, exit_for)
}

/// Tells what happened, why, what to do, and where to read on.
pub(crate) fn tell(message: &str, causes: &[String], code: &str) {
    let red = AnsiColor::Red.on_default().bold();
    let cyan = AnsiColor::Cyan.on_default();
    let dim = Style::new().dimmed();
    terminal::tell(&format!("{red}error{red:#}: {message}"));
    let mut told = message;
    for cause in causes.iter().filter(|cause| !cause.is_empty()) {
        if cause != told {
            terminal::tell(&format!("  because: {cause}"));
        }
        told = cause;
    }
    if let Some(hint) = hint(code) {
        terminal::tell(&format!("  {cyan}help{cyan:#}: {hint}"));
    }
    terminal::tell(&format!("  {dim}{code}, explained in docs/errors/{code}.md{dim:#}"));
}

/// What has no code of its own still has a page.
fn code(coded: Option<&dyn Coded>) -> &'static str {
    coded.map_or("cli.internal", Coded::code)
}

fn coded<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e dyn Coded> {
    fn as_coded<'e, E: Coded + 'static>(
        error: &'e (dyn std::error::Error + 'static),
    ) -> Option<&'e dyn Coded> {
        error.downcast_ref::<E>().map(|error| error as &dyn Coded)
    }
    as_coded::<Misuse>(error)
        .or_else(|| as_coded::<codeflow::Error>(error))
        .or_else(|| as_coded::<engine::Error>(error))
        .or_else(|| as_coded::<config::Error>(error))
        .or_else(|| as_coded::<model::RegistryError>(error))
        .or_else(|| as_coded::<Problems>(error))
}

fn exit_for(error: &dyn Coded) -> Exit {
    if error.code() == engine::ErrorKind::Locked.code() {
        return Exit::Failure;
    }
    match error.class() {
        Class::Invalid | Class::NotFound | Class::Conflict | Class::Denied => Exit::WrongUse,
        Class::Limited | Class::Unavailable | Class::Internal => Exit::Failure,
    }
}

/// What to do about an error, where its own text cannot know: the commands are ours.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "cli.no_repository" => "run it inside a git repository, or name one with `--repo DIR`",
        "cli.unknown_workflow" => {
            "give the path of a workflow file, or the name of a built-in one: pr-review, secret-scan"
        }
        "cli.no_execution" => "start one with `codeflow run` or `codeflow review`",
        "engine.locked" => {
            "wait until it ends or stop it; meanwhile `codeflow execution list`, `watch` and `cancel` work from here"
        }
        "registry.unknown_model" => "`codeflow models list` shows the models there are",
        "engine.not_found" => {
            "`codeflow execution list` shows what there is, `codeflow execution show ID` the steps"
        }
        "codeflow.data_folder" => {
            "make the folder writable, or keep executions elsewhere with `--database-url FILE`"
        }
        "codeflow.not_empty" => {
            "name another file, or overwrite what a database holds with `codeflow restore --force`"
        }
        "git.unknown_revision" => "`git log --oneline` shows the commits there are",
        _ => return None,
    })
}
