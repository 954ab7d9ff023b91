//! `codeflow backup` and `codeflow restore`: the database into a file, and back.

use std::path::PathBuf;

use clap::Args;
use codeflow::BackupReport;
use serde_json::json;

use crate::cli::Format;
use crate::context::Context;
use crate::{Exit, terminal};

/// Flags of `codeflow backup`.
#[derive(Args)]
pub(crate) struct BackupOptions {
    /// The file to write, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Flags of `codeflow restore`.
#[derive(Args)]
pub(crate) struct RestoreOptions {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Overwrite what the database holds
    #[arg(long)]
    force: bool,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Makes a backup.
pub(crate) async fn backup(context: &Context, options: BackupOptions) -> anyhow::Result<Exit> {
    let report = context.backups()?.backup(&options.file).await?;
    tell(&report, &format!("backed up and checked: {}", options.file.display()), options.format)
}

/// Restores one.
pub(crate) async fn restore(context: &Context, options: RestoreOptions) -> anyhow::Result<Exit> {
    let report = context.backups()?.restore(&options.file, options.force).await?;
    tell(&report, &format!("restored from {}", options.file.display()), options.format)
}

fn tell(report: &BackupReport, done: &str, format: Format) -> anyhow::Result<Exit> {
    let rows: u64 = report.rows.values().sum();
    match format {
        Format::Json => {
            let document = json!({ "bytes": report.bytes, "tables": report.rows });
            terminal::print(&format!("{document:#}\n"))?;
        }
        Format::Text => {
            let tables = report.rows.len();
            terminal::tell(&format!("{done}, {rows} rows in {tables} tables, {} bytes", report.bytes));
        }
    }
    Ok(Exit::Success)
}
