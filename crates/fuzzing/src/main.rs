//! Writes what fuzzers begin with into the folder it is given.

use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("name the folder to write to")?;
    codeflow_fuzzing::write_seeds(&PathBuf::from(folder))
}
