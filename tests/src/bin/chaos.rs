//! Storm after storm with new seeds, until the time is over or something is wrong.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use codeflow_core::Clock;
use codeflow_runtime::SystemClock;
use codeflow_tests::chaos::{Load, StormSettings, storm};

/// How long, and how.
#[derive(Parser)]
struct Arguments {
    /// Begin no storm any more after so many minutes.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The seed of the first storm; the next ones count up. By default it is the time.
    #[arg(long)]
    seed: Option<u64>,
    /// How long things go wrong in each storm.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// How many workers there are.
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// The program of the workers; by default the one beside this program.
    #[arg(long)]
    worker: Option<PathBuf>,
}

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "whoever waits for it wants to know")]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let beside = std::env::current_exe()?.with_file_name("chaos-worker");
    let program = arguments.worker.unwrap_or(beside);
    let first = arguments.seed.unwrap_or_else(|| SystemClock.now().micros().unsigned_abs() / 1_000_000);
    let (began, length) = (Instant::now(), Duration::from_secs(arguments.seconds));
    for seed in first.. {
        let folder = std::env::temp_dir().join(format!("codeflow-chaos-logs-{seed}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("there is no place for logs")?;
        let scale = usize::try_from(arguments.seconds)?;
        let load = Load::Random { seed, programs: 40, executions: scale * 12, jobs: scale * 10 };
        let workers = arguments.workers.max(1);
        let settings =
            StormSettings { seed, length, workers, program: program.clone(), folder: folder.clone(), load };
        match storm(settings).await {
            Ok(verdict) => println!(
                "seed {seed}: {} executions ({} cancelled), {} effects ({} again, {} late): all is well",
                verdict.executions, verdict.cancelled, verdict.effects, verdict.repeated, verdict.late
            ),
            Err(report) => {
                eprintln!("{report}");
                return Ok(ExitCode::FAILURE);
            }
        }
        std::fs::remove_dir_all(&folder)?;
        if began.elapsed() > Duration::from_secs(arguments.minutes * 60) {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}
