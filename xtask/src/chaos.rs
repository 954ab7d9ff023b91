//! Storms of faults over real workers for as long as one likes; the driver is a program of the process tests.

use anyhow::Result;

use crate::{process, services};

/// The package of the driver and its workers.
const PACKAGE: &str = "codeflow-tests";

/// Builds the driver and its workers and lets them go on for so many minutes, with new seeds from `seed` on.
pub(crate) fn run(minutes: u32, seed: Option<u64>) -> Result<()> {
    services::ensure_postgres()?;
    process::run(process::cargo().args(["build", "--package", PACKAGE, "--bins"]))?;
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--package", PACKAGE, "--bin", "chaos", "--"]);
    command.args(["--minutes", &minutes.to_string()]);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    process::run(&mut command)
}
