//! Running the project's tests: in its crates, across processes, and in its documentation.

use std::process::Command;

use anyhow::Result;

use crate::{coverage::Measurement, process, sdks, services::Services, tools, workspace::Workspace};

/// The package of tests that kill processes; a killed process leaves no counts, so they run without.
const PROCESS_TESTS: &str = "codeflow-tests";

/// Which packages a run of tests covers.
#[derive(Clone, Copy)]
pub(crate) enum Packages {
    /// All but the tests across processes.
    InProcess,
    /// Only the tests across processes.
    AcrossProcesses,
}

impl Packages {
    /// The selection as cargo's arguments; nothing if there is no such package yet.
    fn arguments(self, workspace: &Workspace) -> Option<&'static [&'static str]> {
        match self {
            Self::InProcess if workspace.has(PROCESS_TESTS) => {
                Some(&["--workspace", "--exclude", PROCESS_TESTS])
            }
            Self::InProcess => Some(&["--workspace"]),
            Self::AcrossProcesses if workspace.has(PROCESS_TESTS) => Some(&["--package", PROCESS_TESTS]),
            Self::AcrossProcesses => None,
        }
    }
}

/// Runs tests with nextest, counting lines if there is a measurement; adds to `ran` how many there were.
pub(crate) fn run(
    workspace: &Workspace,
    packages: Packages,
    services: &Services,
    measurement: Option<&Measurement>,
    ran: &mut u64,
) -> Result<()> {
    let Some(selection) = packages.arguments(workspace) else {
        println!("there is no package {PROCESS_TESTS}");
        return Ok(());
    };
    tools::NEXTEST.ensure()?;
    let mut command = process::cargo();
    command.args(["nextest", "run", "--no-fail-fast"]).args(selection);
    if let Some(measurement) = measurement {
        measurement.instrument(&mut command);
    }
    process::watch(services.announce(&mut command), |line| *ran += tests_run(line).unwrap_or_default())
}

/// Builds the programs that tests across processes start, which should not wait for them.
pub(crate) fn build_programs() -> Result<()> {
    let packages = ["--package", "codeflow-cli", "--package", "codeflow-server"];
    process::run(process::cargo().arg("build").args(packages).arg("--bins"))
}

/// Runs nextest the way a developer asks for, on everything by default.
pub(crate) fn run_chosen(services: &Services, arguments: &[String]) -> Result<()> {
    tools::NEXTEST.ensure()?;
    let mut command = process::cargo();
    command.args(["nextest", "run"]);
    if arguments.is_empty() {
        command.arg("--workspace");
        sdks::ensure();
    }
    process::run(services.announce(command.args(arguments)))
}

/// The command that lists the binaries of the measured run.
pub(crate) fn list(workspace: &Workspace) -> Command {
    let mut command = process::cargo();
    command.args(["nextest", "list", "--list-type", "binaries-only", "--message-format", "json"]);
    command.args(Packages::InProcess.arguments(workspace).unwrap_or_default());
    command
}

/// Runs the examples in the documentation; adds to `ran` how many there were.
pub(crate) fn documentation(ran: &mut u64) -> Result<()> {
    process::watch(process::cargo().args(["test", "--doc", "--workspace", "--no-fail-fast"]), |line| {
        *ran += examples_run(line).unwrap_or_default();
    })
}

/// Reads nextest's last line: `Summary [ 1.2s] 30 tests run: 30 passed, 0 skipped`.
#[must_use]
pub fn tests_run(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.trim().strip_prefix("Summary [")?.split_whitespace().collect();
    let word = words.iter().position(|word| word.starts_with("test"))?;
    // A run that was cut short says `12/30`.
    words.get(word.checked_sub(1)?)?.split('/').next()?.parse().ok()
}

/// Reads what the test harness prints per crate: `test result: ok. 3 passed; 0 failed; ...`.
#[must_use]
pub fn examples_run(line: &str) -> Option<u64> {
    let words: Vec<&str> = line.strip_prefix("test result: ")?.split_whitespace().collect();
    let number = |unit: &str| -> Option<u64> {
        let word = words.iter().position(|word| word.trim_end_matches(';') == unit)?;
        words.get(word.checked_sub(1)?)?.parse().ok()
    };
    Some(number("passed")? + number("failed")?)
}
