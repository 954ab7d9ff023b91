//! `cargo xtask simulate`: as many seeds of the engine's simulation as one likes, optimised.

use anyhow::Result;

use crate::process;

pub(crate) fn run(seeds: u64, from: u64) -> Result<()> {
    let package = ["--package", "codeflow-testkit", "--features", "sim", "--bin", "simulate"];
    let mut command = process::cargo();
    command.args(["run", "--release", "--quiet"]).args(package).arg("--");
    process::run(command.args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]))
}
