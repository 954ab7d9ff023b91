//! `cargo xtask ci`: everything, once, and a table at the end. A step that fails does not stop the others.

use std::{fmt, path::Path, time::Instant};

use anyhow::{Context, Result, bail};

use crate::{
    check,
    coverage::Measurement,
    dependencies::{self, Advisories},
    process, sdks,
    services::Services,
    summary::Summary,
    sweep,
    testing::{self, Packages},
    workspace::Workspace,
};

/// Runs every step and fails if one did.
pub(crate) fn run(root: &Path) -> Result<()> {
    let start = Instant::now();
    let mut summary = Summary::default();
    process::forgo_incremental_builds();
    summary.step("sweep", || sweep::abandoned(root).map(|gone| format!("{gone} abandoned entries removed")));
    summary.step("format", || check::format().map(no_note));
    summary.step("rules", || check::rules(root).map(no_note));
    summary.step("clippy", || check::clippy(root).map(no_note));
    summary.step("dependencies", || dependencies::deny().map(no_note));
    summary.step("advisories", || dependencies::advisories().map(advisories_note));
    summary.step("unused dependencies", || dependencies::unused(root).map(no_note));
    summary.step("documentation", || check::documentation().map(no_note));
    let mut ran = Ran::default();
    tests(root, &mut summary, &mut ran);
    println!("\n{summary}");
    println!("{ran}; {} seconds in all", start.elapsed().as_secs());
    match summary.failed().as_slice() {
        [] => {
            println!("tests: {} passed, 0 failed", ran.all());
            Ok(())
        }
        failed => bail!("failed: {}", failed.join(", ")),
    }
}

/// How many tests ran.
#[derive(Default)]
struct Ran {
    in_process: u64,
    across_processes: u64,
    examples: u64,
}

impl Ran {
    fn all(&self) -> u64 {
        self.in_process + self.across_processes + self.examples
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { in_process, across_processes, examples } = self;
        let all = self.all();
        write!(f, "{all} tests ran: {in_process} in crates, {across_processes} across processes, ")?;
        write!(f, "{examples} examples in documentation")
    }
}

/// Runs every test once.
fn tests(root: &Path, summary: &mut Summary, ran: &mut Ran) {
    let prepared = summary.step_with("services and tools", || {
        let workspace = Workspace::read(root)?;
        let services = Services::start(&workspace)?;
        sdks::ensure();
        Ok((workspace, services, Measurement::begin(root)?))
    });
    let prepared = || prepared.as_ref().context("services or tools are missing");
    summary.step("tests in crates", || {
        let (workspace, services, measurement) = prepared()?;
        testing::run(workspace, Packages::InProcess, services, Some(measurement), &mut ran.in_process)?;
        Ok(format!("{} tests", ran.in_process))
    });
    summary.step("coverage", || {
        let (workspace, _, measurement) = prepared()?;
        judge(workspace, measurement)
    });
    summary.step("programs", || testing::build_programs().map(no_note));
    summary.step("tests across processes", || {
        let (workspace, services, _) = prepared()?;
        testing::run(workspace, Packages::AcrossProcesses, services, None, &mut ran.across_processes)?;
        Ok(format!("{} tests", ran.across_processes))
    });
    summary.step("examples in documentation", || {
        testing::documentation(&mut ran.examples)?;
        Ok(format!("{} examples", ran.examples))
    });
}

/// Shows how far the tests reach and fails below a gate.
pub(crate) fn judge(workspace: &Workspace, measurement: &Measurement) -> Result<String> {
    let coverage = measurement.finish(&mut testing::list(workspace))?;
    println!("{coverage}");
    match coverage.missed().as_slice() {
        [] => Ok(format!("{:.2}% of lines", coverage.total())),
        missed => bail!("too few lines reached in {}", missed.join(", ")),
    }
}

fn no_note((): ()) -> String {
    String::new()
}

fn advisories_note(advisories: Advisories) -> String {
    match advisories {
        Advisories::Fresh => String::new(),
        Advisories::Stored => {
            "the database could not be refreshed; checked against the local copy".to_owned()
        }
        Advisories::Unchecked => "NOT CHECKED: no database can be had".to_owned(),
    }
}
