//! Starting other programs: shown on the terminal, or with their output captured. It knows no particular program.

use std::{
    io::{self, BufRead, BufReader},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, bail};

/// Variables that git sets for its hooks, and cargo for what it runs; children would take them for their own.
const MISLEADING: &[&str] = &[
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_NAME",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
];

/// A command that starts as if a person had typed it.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for variable in MISLEADING {
        command.env_remove(variable);
    }
    command
}

/// Whether cargo is to keep nothing for the next build of the same clone.
static ONCE: AtomicBool = AtomicBool::new(false);

/// From here on, cargo builds whole crates: a clone that is built once gains nothing from the parts, which
/// take several times the room.
pub(crate) fn forgo_incremental_builds() {
    ONCE.store(true, Ordering::Relaxed);
}

/// The cargo that belongs to the project's toolchain.
pub(crate) fn cargo() -> Command {
    let mut cargo = command("cargo");
    if ONCE.load(Ordering::Relaxed) {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Runs with the terminal's output, after showing the command line; fails when the child does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", shown(command));
    let status = command.status().with_context(|| format!("could not start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs quietly and returns standard output; the error carries standard error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("could not start `{}`", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` ended with {}: {}", shown(command), output.status, complaint.trim());
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed something other than text", shown(command)))
}

/// The command line as a person would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy()));
    words.join(" ")
}

/// Runs like [`run`], and also hands over every line that the child prints.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<()> {
    println!("$ {}", shown(command));
    let (mut reader, writer) = io::pipe()?;
    let mut child = command
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("could not start `{}`", shown(command)))?;
    // The command keeps our copies of the pipe's end; only without them does the reading end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut line = Vec::new();
    let mut reader = BufReader::new(&mut reader);
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        see(text.trim_end());
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(command));
    }
    Ok(())
}
