//! `cargo xtask ci`: everything, once, and a table at the end. A step that fails does not stop the others.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    check,
    coverage::Measurement,
    dependencies::{self, Advisories},
    services::Services,
    summary::Summary,
    testing::{self, Packages},
    workspace::Workspace,
};

/// Runs every step and fails if one did.
pub(crate) fn run(root: &Path) -> Result<()> {
    let start = Instant::now();
    let mut summary = Summary::default();
    summary.step("format", || check::format().map(no_note));
    summary.step("rules", || check::rules(root).map(no_note));
    summary.step("clippy", || check::clippy(root).map(no_note));
    summary.step("dependencies", || dependencies::deny().map(no_note));
    summary.step("advisories", || dependencies::advisories().map(advisories_note));
    summary.step("unused dependencies", || dependencies::unused(root).map(no_note));
    summary.step("documentation", || check::documentation().map(no_note));
    let ran = tests(root, &mut summary);
    println!("\n{summary}");
    println!("{ran} tests ran; {} seconds in all", start.elapsed().as_secs());
    match summary.failed().as_slice() {
        [] => Ok(()),
        failed => bail!("failed: {}", failed.join(", ")),
    }
}

/// Runs every test once and returns how many there were.
fn tests(root: &Path, summary: &mut Summary) -> u64 {
    let mut ran = 0;
    let mut count = |tests: u64| {
        ran += tests;
        format!("{tests} tests")
    };
    let prepared = summary.step_with("services", || {
        let workspace = Workspace::read(root)?;
        let services = Services::start(&workspace)?;
        Ok((workspace, services))
    });
    let prepared = prepared.ok_or(()).map_err(|()| anyhow!("its services are missing"));
    let prepared = || prepared.as_ref().map_err(|error| anyhow!("{error:#}"));
    let measurement = summary.step_with("preparation of coverage", || Measurement::begin(root));
    summary.step("tests", || {
        let (workspace, services) = prepared()?;
        testing::run(workspace, Packages::InProcess, services, measurement.as_ref()).map(&mut count)
    });
    summary.step("coverage", || {
        let (workspace, _) = prepared()?;
        judge(workspace, measurement.as_ref().context("there was no measurement")?)
    });
    summary.step("release build", || testing::build_program().map(no_note));
    summary.step("tests across processes", || {
        let (workspace, services) = prepared()?;
        testing::run(workspace, Packages::AcrossProcesses, services, None).map(&mut count)
    });
    summary.step("documentation's examples", || testing::documentation().map(&mut count));
    ran
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
