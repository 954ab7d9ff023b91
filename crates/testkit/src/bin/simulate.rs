//! Runs simulations of the engine for a range of seeds, and shows those in which something was not as it must be.

use std::process::ExitCode;

use clap::Parser;

/// Runs simulations of the engine.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Show the whole trace of every seed.
    #[arg(long)]
    trace: bool,
}

#[expect(clippy::print_stdout, reason = "it talks to a terminal")]
fn main() -> anyhow::Result<ExitCode> {
    let Arguments { seeds, from, trace } = Arguments::parse();
    let mut failed = Vec::new();
    for seed in from..from.saturating_add(seeds) {
        let run = codeflow_testkit::sim::simulate(seed)?;
        if trace {
            run.trace.iter().for_each(|line| println!("{line}"));
        }
        if !run.violations.is_empty() {
            println!("{run}");
            failed.push(seed);
        }
    }
    println!("{seeds} seeds from {from} on: {} failed {failed:?}", failed.len());
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
