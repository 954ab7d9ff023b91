//! Deterministic simulation of the engine: its own code, several workers on one storage in memory, time that passes
//! by itself, and everything that goes wrong drawn from a seed. The same seed gives the same run.
//!
//! ```
//! # fn main() -> anyhow::Result<()> {
//! let run = codeflow_testkit::sim::simulate(7)?;
//! assert!(run.violations.is_empty(), "{run}");
//! # Ok(()) }
//! ```

mod actions;
mod chronicle;
mod fleet;
mod keeping;
mod network;
mod play;
mod program;
mod rng;
mod store;
mod verdict;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use codeflow_runtime::Tasks;

use crate::{MemoryStore, SequentialIds, TokioClock};
use chronicle::Chronicle;
use fleet::Ground;
use network::Network;
use play::Play;
use rng::Rng;

/// How long a session of a simulated worker lives without a sign of life.
const LEASE: Duration = Duration::from_secs(3);

/// How much of a trace is shown.
const SHOWN: usize = 120;

/// What became of a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Everything that happened, with its time in milliseconds.
    pub trace: Vec<String>,
    /// What was not as it must be.
    pub violations: Vec<String>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let skipped = self.trace.len().saturating_sub(SHOWN);
        writeln!(f, "seed {}; {skipped} lines, and then:", self.seed)?;
        self.trace.iter().skip(skipped).try_for_each(|line| writeln!(f, "{line}"))?;
        self.violations.iter().try_for_each(|wrong| writeln!(f, "seed {}: {wrong}", self.seed))
    }
}

/// Runs one simulation on a runtime of its own.
///
/// # Errors
/// When the simulation itself cannot be set up.
pub fn simulate(seed: u64) -> anyhow::Result<Run> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build()?;
    runtime.block_on(run(seed))
}

async fn run(seed: u64) -> anyhow::Result<Run> {
    let mut rng = Rng::new(seed);
    let chronicle = Arc::new(Chronicle::new());
    let clock = Arc::new(TokioClock::new());
    let ground = Ground {
        ids: Arc::new(SequentialIds::new()),
        store: MemoryStore::new(clock.clone()),
        network: Arc::new(Network::new(Rng::new(rng.draw()), Arc::clone(&chronicle))),
        tasks: Tasks::new(),
        clock,
    };
    let play = Arc::new(Play::new(&mut rng, ground).await?);
    play.act(&mut rng).await;
    play.settle().await?;
    play.judge().await?;
    for node in 0..play.fleet.len() {
        if let Some(process) = play.fleet.take(node) {
            process.stop().await;
        }
    }
    let open = play.ground.store.open_sessions();
    if !open.is_empty() {
        chronicle.wrong(format_args!("all have stopped, and {open:?} are open"));
    }
    let (trace, violations) = chronicle.close();
    Ok(Run { seed, trace, violations })
}
