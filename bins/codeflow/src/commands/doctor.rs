//! `codeflow doctor`: looks whether everything that is not over will go on.

use std::time::Duration;

use clap::Args;
use codeflow::engine::{Checkup, Part};

use crate::cli::Format;
use crate::context::Context;
use crate::{Exit, show, terminal};

/// Flags of `codeflow doctor`.
#[derive(Args)]
#[command(after_help = "Examples:
  codeflow doctor
  codeflow doctor --repair
  codeflow doctor --json

Exit code 1 says that something is wrong.")]
pub(crate) struct DoctorOptions {
    /// Put lost tasks back into the queue
    #[arg(long)]
    repair: bool,
    /// Leave out large payloads, which takes as long as there are many
    #[arg(long)]
    quick: bool,
    /// How many of each kind are shown
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    show: usize,
    /// How long what is in the middle of moving has to arrive, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    patience: u64,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl DoctorOptions {
    /// How the result is shown.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Does it.
pub(crate) async fn run(context: &Context, options: DoctorOptions) -> anyhow::Result<Exit> {
    let local = context.open().await?;
    let parts = if options.quick { Part::LIVE.to_vec() } else { Part::ALL.to_vec() };
    let patience = Duration::from_secs(options.patience);
    let checkup = Checkup { parts, patience, ..Checkup::default() };
    let examination = local.engine().examine(&checkup).await?;
    let repaired = if options.repair { local.engine().repair(&examination).await? } else { Vec::new() };
    let text = match options.format() {
        Format::Json => format!("{:#}\n", show::doctor::json(&examination, &repaired)),
        Format::Text => show::doctor::text(&examination, &repaired, options.show),
    };
    terminal::print(&text)?;
    // What was put back is in order from here on.
    let left =
        examination.findings.iter().any(|finding| !finding.task.is_some_and(|task| repaired.contains(&task)));
    Ok(if left { Exit::GateClosed } else { Exit::Success })
}
