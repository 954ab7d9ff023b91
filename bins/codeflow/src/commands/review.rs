//! `codeflow review`: the built-in `pr-review` on this checkout, durably, and its report.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anstyle::Style;
use clap::{Args, ValueEnum};
use codeflow::analysis::{Baseline, ReportFormat, Review, Severity};
use codeflow::core::ExecutionId;
use codeflow::engine::{ExecutionFilter, ExecutionRecord};
use codeflow::{BuiltIn, Local, Project, View};
use serde_json::{Map, Value};

use crate::Exit;
use crate::commands::{finish, others};
use crate::context::Context;
use crate::drive::{self, Ended};
use crate::failure::{self, Misuse, MisuseKind};
use crate::progress::Progress;
use crate::{show, terminal};

/// How far back unfinished reviews are looked for.
const LOOK_BACK: u32 = 50;

/// Flags of `codeflow review`.
#[derive(Args)]
#[command(after_help = "Examples:
  codeflow review                              the last commit
  codeflow review main...HEAD                  everything on this branch
  codeflow review v1.2 --repo ../service       what one commit did, elsewhere
  codeflow review --format sarif --output review.sarif
  codeflow review --resume                     carry on after a crash or ^C

Exit codes: 0 passed, 1 the gate is closed, 2 wrong use, 3 it could not be carried out, 130 interrupted.")]
pub(crate) struct ReviewOptions {
    /// `A..B`, `A...B` or one commit, as git names them
    #[arg(value_name = "RANGE", default_value = "HEAD~1..HEAD", allow_hyphen_values = false)]
    range: String,
    /// How to show the result on standard output
    #[arg(long, value_enum, default_value = "text")]
    format: Shape,
    /// The lowest severity that closes the gate: info, low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    fail_on: Severity,
    /// Leave out the findings that this file accepts, each with its reason
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the result to this file instead
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Carry on with the newest review that did not finish
    #[arg(long)]
    resume: bool,
}

/// The shapes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    Text,
    Json,
    Sarif,
    Markdown,
}

impl ReviewOptions {
    pub(crate) fn wants_json(&self) -> bool {
        match self.format {
            Shape::Json | Shape::Sarif => true,
            Shape::Text | Shape::Markdown => false,
        }
    }
}

impl From<Shape> for ReportFormat {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Text => Self::Text,
            Shape::Json => Self::Json,
            Shape::Sarif => Self::Sarif,
            Shape::Markdown => Self::Markdown,
        }
    }
}

/// Reviews, and says by the exit code whether the gate is open.
pub(crate) async fn run(context: &Context, options: ReviewOptions) -> anyhow::Result<Exit> {
    let project = Project::around(&context.global.repo)?;
    if !project.is_repository() {
        let text = format!("`{}` is not in a git repository", project.root().display());
        return Err(Misuse::new(MisuseKind::NoRepository, text).into());
    }
    if let Some(path) = &options.output {
        check_output(path)?;
    }
    let baseline = options.baseline.as_deref().map(read_baseline).transpose()?;
    let local = context.open_beside_repository().await?;
    let reservation = local.reserve()?;
    let mut progress = Progress::new(context.is_lively());
    let id = choose(context, &local, &options, baseline, &mut progress).await?;
    others::mention(&local, id, &progress).await?;
    match drive::run(&local, reservation, id, progress).await? {
        Ended::Final(view) => conclude(&view, &options),
        Ended::NeedsSomebody(_) => Ok(Exit::Waiting),
        Ended::Interrupted => {
            terminal::tell(&format!("stopped; `codeflow review --resume` carries on with {id}"));
            Ok(Exit::Interrupted)
        }
    }
}

/// Reads a baseline, so that one that does not count is refused before anything runs.
fn read_baseline(path: &Path) -> anyhow::Result<Value> {
    let unreadable =
        || Misuse::new(MisuseKind::UnreadableFile, format!("could not read `{}`", path.display()));
    let text = fs::read(path).map_err(|error| unreadable().with_source(error))?;
    let bad = || format!("`{}` is not a baseline of findings", path.display());
    Baseline::parse(&text).map_err(|error| Misuse::new(MisuseKind::BadValue, bad()).with_source(error))?;
    Ok(serde_json::from_slice(&text)?)
}

/// The execution to run: a new one, or the one to carry on with.
async fn choose(
    context: &Context,
    local: &Local,
    options: &ReviewOptions,
    baseline: Option<Value>,
    progress: &mut Progress,
) -> anyhow::Result<ExecutionId> {
    let unfinished = unfinished(local).await?;
    if options.resume {
        if let Some(record) = unfinished.first() {
            progress.line(&format!("carrying on with {}", headline(record)));
            progress.carry_on();
            return Ok(record.id);
        }
        progress.line("no review is unfinished here; starting a new one");
    }
    for record in &unfinished {
        let reason = Some("superseded by a newer review".to_owned());
        local.engine().cancel(record.id, &context.user(), reason).await?;
        let dim = Style::new().dimmed();
        progress.line(&format!(
            "{dim}cancelled {}, which did not finish; `--resume` would have kept it{dim:#}",
            record.id
        ));
    }
    let mut inputs = Map::new();
    // Named whole: on a server, another checkout's worker may be the one that takes the step.
    inputs.insert("repo".to_owned(), local.project().root().to_string_lossy().into());
    inputs.insert("range".to_owned(), options.range.clone().into());
    inputs.insert("fail_on".to_owned(), options.fail_on.as_str().into());
    inputs.extend(baseline.map(|baseline| ("baseline".to_owned(), baseline)));
    progress.line(&format!("reviewing {} in {}", options.range, local.project().root().display()));
    let (id, _) = local.start(BuiltIn::PR_REVIEW.document, inputs, None).await?;
    Ok(id)
}

/// Reviews of this checkout that did not come to their end, newest first. A database that is a server
/// may hold those of others, so nothing there is ours to take up or to cancel.
async fn unfinished(local: &Local) -> anyhow::Result<Vec<ExecutionRecord>> {
    if local.data_folder().is_none() {
        return Ok(Vec::new());
    }
    let workflow = Some(BuiltIn::PR_REVIEW.name.parse()?);
    let filter = ExecutionFilter { workflow, ..ExecutionFilter::default() };
    let mut found = local.engine().list(filter, LOOK_BACK).await?;
    found.retain(|record| !record.status.is_final());
    Ok(found)
}

fn headline(record: &ExecutionRecord) -> String {
    let range = record.inputs.get("range").and_then(Value::as_str).unwrap_or("?");
    format!("{} ({range}, begun {})", record.id, record.created_at)
}

fn conclude(view: &View, options: &ReviewOptions) -> anyhow::Result<Exit> {
    let record = &view.record;
    let error = record.error.as_ref();
    if let Some(error) = error.filter(|error| is_wrong_use(&error.code)) {
        failure::tell(&error.message, &[], &error.code);
        return Ok(Exit::WrongUse);
    }
    let report = record
        .outputs
        .as_deref()
        .and_then(|outputs| outputs.get("report"))
        .filter(|report| !report.is_null());
    if let Some(report) = report {
        let review: Review = serde_json::from_value(report.clone())?;
        write(&review.render(options.format.into()), options)?;
    }
    let exit = finish::exit_of(record);
    match error {
        // The report says it better.
        Some(_) if exit == Exit::GateClosed && report.is_some() => {}
        Some(error) => failure::tell(&error.message, &[], &error.code),
        None => {}
    }
    Ok(exit)
}

/// Whether the range or the repository is at fault, not the review.
fn is_wrong_use(code: &str) -> bool {
    const CODES: [&str; 6] = [
        "git.not_a_repository",
        "git.untrusted_repository",
        "git.no_commits",
        "git.invalid_range",
        "git.unknown_revision",
        "git.no_merge_base",
    ];
    CODES.contains(&code)
}

fn write(text: &str, options: &ReviewOptions) -> anyhow::Result<()> {
    let Some(path) = &options.output else {
        let painted = match options.format {
            Shape::Text => {
                terminal::tell("");
                show::report::paint(text)
            }
            Shape::Json | Shape::Sarif | Shape::Markdown => text.to_owned(),
        };
        return Ok(terminal::print(&painted)?);
    };
    fs::write(path, text).map_err(|source| unwritable(path, source).into())
}

/// Finds out before the work what would make it worth nothing.
fn check_output(path: &Path) -> Result<(), Misuse> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() {
        return Err(unwritable(path, io::ErrorKind::IsADirectory.into()));
    }
    match folder {
        Some(folder) if !folder.is_dir() => Err(unwritable(path, io::ErrorKind::NotFound.into())),
        Some(_) | None => Ok(()),
    }
}

fn unwritable(path: &Path, source: io::Error) -> Misuse {
    let text = format!("could not write `{}`", path.display());
    Misuse::new(MisuseKind::UnwritableOutput, text).with_source(source)
}
