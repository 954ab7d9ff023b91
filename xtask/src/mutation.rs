//! `cargo xtask mutate`: removes each fence in turn, in a copy of the sources, and expects a test to go red.

mod table;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{process, services::Services, tools, workspace::Workspace};

pub use table::{Mutation, mutations};

/// Nextest's exit status when tests ran and some failed.
const TESTS_FAILED: i32 = 100;

/// What became of a mutation.
#[derive(PartialEq)]
enum Outcome {
    /// A test went red.
    Killed,
    /// None did.
    Survived,
    /// It did not come to that: it does not build, or chooses no test.
    Broken(Option<i32>),
}

/// Shows the table.
pub(crate) fn list(root: &Path) -> Result<()> {
    for mutation in mutations(root)? {
        println!("{}: {} [{}]", mutation.name, mutation.file, mutation.tests);
    }
    Ok(())
}

/// Runs those mutations whose names hold `only`, or all.
pub(crate) fn run(root: &Path, only: Option<&str>) -> Result<()> {
    let chosen: Vec<Mutation> = mutations(root)?
        .into_iter()
        .filter(|mutation| only.is_none_or(|only| mutation.name.contains(only)))
        .collect();
    if chosen.is_empty() {
        bail!("no mutation has such a name; `cargo xtask mutate --list` shows them");
    }
    tools::NEXTEST.ensure()?;
    let services = Services::start(&Workspace::read(root)?)?;
    let copy = root.join("target/mutate/tree");
    let mut bad = Vec::new();
    for mutation in &chosen {
        refresh(root, &copy)?;
        let outcome = remove_fence(root, &copy, mutation, &services)?;
        let text = match outcome {
            Outcome::Killed => "a test goes red".to_owned(),
            Outcome::Survived => "NO TEST NOTICES".to_owned(),
            Outcome::Broken(code) => format!("CANNOT BE JUDGED (nextest ended with {code:?})"),
        };
        println!("{}: {text}", mutation.name);
        if outcome != Outcome::Killed {
            bad.push(mutation.name.as_str());
        }
    }
    println!("{} of {} fences are missed when they are gone", chosen.len() - bad.len(), chosen.len());
    if bad.is_empty() { Ok(()) } else { bail!("survived, or could not be judged: {}", bad.join(", ")) }
}

fn remove_fence(root: &Path, copy: &Path, mutation: &Mutation, services: &Services) -> Result<Outcome> {
    let path = copy.join(&mutation.file);
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    fs::write(&path, mutation.apply(&text)?)?;
    let mut command = process::cargo();
    command.current_dir(copy).args(["nextest", "run", "--cargo-quiet", "--status-level", "fail"]);
    command.args(["--package", &mutation.package, "--filterset", &mutation.tests]);
    command.arg("--target-dir").arg(root.join("target"));
    let output = services.announce(&mut command).output().context("could not start cargo")?;
    Ok(match output.status.code() {
        Some(0) => Outcome::Survived,
        Some(TESTS_FAILED) => Outcome::Killed,
        other => {
            println!("{}", String::from_utf8_lossy(&output.stderr));
            Outcome::Broken(other)
        }
    })
}

/// Makes the copy as the sources are. What is the same is not written, so that cargo does not build it again.
fn refresh(root: &Path, copy: &Path) -> Result<()> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
    let listed = process::output(process::command("git").current_dir(root).args(arguments))?;
    for name in listed.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), copy.join(name));
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
