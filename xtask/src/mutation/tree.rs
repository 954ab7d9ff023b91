//! The copy of the sources that fences are removed from, and what its tests say there. The sources stay as they are.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::{Mutation, MutationTable};
use crate::process;

/// Nextest's exit status when tests ran and some failed. It has others for what does not build, and for no tests.
const TESTS_FAILED: i32 = 100;

/// What became of a mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MutationOutcome {
    /// One of its tests went red, and the controls did not.
    Killed,
    /// All of its tests are green.
    Survived,
    /// It did not come to that: it does not build, or chooses no test. This is how nextest ended.
    Broken(Option<i32>),
    /// The controls went red, too: more is missing than the fence.
    Crippled,
}

/// What a run of tests says.
#[derive(PartialEq)]
enum Color {
    Green,
    Red,
    /// None ran to its end.
    None(Option<i32>),
}

/// A copy of the sources.
pub(super) struct Tree<'a> {
    root: &'a Path,
    copy: PathBuf,
    /// Tells a command where the services are that tests need.
    announce: &'a dyn Fn(&mut Command),
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Path, announce: &'a dyn Fn(&mut Command)) -> Self {
        Self { root, copy: root.join("target/mutate/tree"), announce }
    }

    /// Fails unless each part of a name chooses a test, and all of them are green while every fence is there.
    pub(super) fn prove(&self, package: &str, parts: &[String]) -> Result<()> {
        self.refresh()?;
        let names = self.names(package)?;
        for part in parts {
            if !names.iter().any(|name| name.contains(part)) {
                bail!("no test of {package} has `{part}` in its name");
            }
        }
        match self.test(package, parts)? {
            Color::Green => Ok(()),
            Color::Red => bail!("a test of {package} is red although every fence is there"),
            Color::None(code) => bail!("the tests of {package} cannot run (nextest ended with {code:?})"),
        }
    }

    /// Removes a fence, and looks at the tests.
    pub(super) fn judge(&self, table: &MutationTable, mutation: &Mutation) -> Result<MutationOutcome> {
        self.refresh()?;
        let path = self.copy.join(&mutation.file);
        let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        fs::write(&path, mutation.apply(&text)?)?;
        let color = self.test(&mutation.package, &mutation.tests)?;
        Ok(match color {
            Color::Green => MutationOutcome::Survived,
            Color::None(code) => MutationOutcome::Broken(code),
            Color::Red => match self.test(&mutation.package, table.controls_of(mutation))? {
                Color::Green => MutationOutcome::Killed,
                Color::Red => MutationOutcome::Crippled,
                Color::None(code) => MutationOutcome::Broken(code),
            },
        })
    }

    /// Runs the tests whose names hold one of these parts, and shows those that fail.
    fn test(&self, package: &str, parts: &[String]) -> Result<Color> {
        let chosen: Vec<String> = parts.iter().map(|part| format!("test({part})")).collect();
        let mut command = self.nextest("run", package);
        command.args([
            "--profile",
            "mutate",
            "--status-level",
            "fail",
            "--failure-output",
            "never",
            "--final-status-level",
            "none",
        ]);
        let output =
            command.arg("--filterset").arg(chosen.join(" + ")).output().context("could not start cargo")?;
        let said = String::from_utf8_lossy(&output.stderr);
        Ok(match output.status.code() {
            Some(0) => Color::Green,
            Some(TESTS_FAILED) => {
                said.lines().filter(|line| is_verdict(line)).for_each(|line| println!("{line}"));
                Color::Red
            }
            other => {
                println!("{said}");
                Color::None(other)
            }
        })
    }

    /// The names of all tests of a package.
    fn names(&self, package: &str) -> Result<Vec<String>> {
        let listing = process::output(self.nextest("list", package).args(["--message-format", "json"]))?;
        let listing: Listing = serde_json::from_str(&listing).context("nextest's list is not understood")?;
        Ok(listing.rust_suites.into_values().flat_map(|suite| suite.testcases.into_keys()).collect())
    }

    /// All tests of a package are in one binary; nothing else of it is built.
    fn nextest(&self, verb: &str, package: &str) -> Command {
        let mut command = process::cargo();
        command.current_dir(&self.copy).args(["nextest", verb, "--cargo-quiet", "--package", package]);
        command.args(["--test", "it", "--target-dir"]).arg(self.root.join("target"));
        (self.announce)(&mut command);
        command
    }

    /// Makes the copy as the sources are. What is the same is not written, so that cargo does not build it again.
    fn refresh(&self) -> Result<()> {
        let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
        let listed = process::output(process::command("git").current_dir(self.root).args(arguments))?;
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            let (from, to) = (self.root.join(name), self.copy.join(name));
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            // With its permissions: one of them is a program.
            fs::copy(&from, &to).with_context(|| format!("could not write {}", to.display()))?;
        }
        Ok(())
    }
}

/// Whether a line names a test that did not pass, and how it ended.
fn is_verdict(line: &str) -> bool {
    let line = line.trim_start();
    ["FAIL [", "TIMEOUT [", "SIG", "ABORT ["].iter().any(|start| line.starts_with(start))
}

/// The part of `cargo nextest list` that names the tests.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Listing {
    rust_suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
struct Suite {
    testcases: BTreeMap<String, serde_json::Value>,
}
