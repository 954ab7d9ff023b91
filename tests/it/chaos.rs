//! Storms of faults over three workers and a server of their own: at the end everything has its expected outcome. For
//! longer ones there is `cargo xtask chaos`.

use std::path::PathBuf;
use std::time::Duration;

use codeflow_core::Clock;
use codeflow_runtime::SystemClock;
use codeflow_tests::chaos::{Load, StormSettings, storm};

use crate::programs::chaos_worker;

/// How long things go wrong.
const LENGTH: Duration = Duration::from_secs(9);

async fn survives(seed: u64) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = PathBuf::from(chaos_worker().get_program());
    let load = Load::Random { seed, programs: 30, executions: 100, jobs: 80 };
    let folder_path = folder.path().to_owned();
    let settings = StormSettings { seed, length: LENGTH, workers: 3, program, folder: folder_path, load };

    let verdict = storm(settings).await;

    match verdict {
        Ok(verdict) => assert!(verdict.executions >= 100 && verdict.effects > 300, "{verdict:?}"),
        Err(report) => {
            let kept = folder.keep();
            panic!(
                "repeat it with `cargo xtask chaos --minutes 1 --seed {seed}`\n{report}\nkept: {}",
                kept.display()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_leaves_every_execution_with_its_outcome() {
    survives(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_storm_leaves_every_execution_with_its_outcome() {
    survives(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storm_of_the_day_leaves_every_execution_with_its_outcome() {
    let day = SystemClock.now().micros().unsigned_abs() / 86_400_000_000;

    survives(day).await;
}
