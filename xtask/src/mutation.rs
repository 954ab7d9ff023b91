//! `cargo xtask mutate`: removes each fence in turn, in a copy of the sources, and expects a test to go red.

mod table;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use anyhow::{Result, bail};

use crate::{services::Services, tools, workspace::Workspace};
use tree::Tree;

pub use table::{Mutation, MutationTable};
pub use tree::MutationOutcome;

/// Shows the table.
pub(crate) fn list(root: &Path) -> Result<()> {
    for mutation in MutationTable::read(root)?.mutations {
        println!("{}: {} [{}]", mutation.name, mutation.file, mutation.tests.join(", "));
    }
    Ok(())
}

/// Runs those mutations whose names hold one of `only`, or all.
pub(crate) fn run(root: &Path, only: &[String]) -> Result<()> {
    let mut table = MutationTable::read(root)?;
    table
        .mutations
        .retain(|mutation| only.is_empty() || only.iter().any(|only| mutation.name.contains(only.as_str())));
    if table.mutations.is_empty() {
        bail!("no mutation has such a name; `cargo xtask mutate --list` shows them");
    }
    tools::NEXTEST.ensure()?;
    let services = Services::start(&Workspace::read(root)?)?;
    let outcomes = judge_mutations(root, &table, &|command| {
        services.announce(command);
    })?;
    let bad: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome)| **outcome != MutationOutcome::Killed)
        .map(|(name, _)| name.as_str())
        .collect();
    println!("{} of {} fences are missed when they are gone", outcomes.len() - bad.len(), outcomes.len());
    if bad.is_empty() { Ok(()) } else { bail!("survived, or could not be judged: {}", bad.join(", ")) }
}

/// Removes each fence of a table in turn, and says what became of it. `announce` tells a command what tests need.
///
/// # Errors
/// When a test is not there, or is red with every fence in its place.
pub fn judge_mutations(
    root: &Path,
    table: &MutationTable,
    announce: &dyn Fn(&mut Command),
) -> Result<BTreeMap<String, MutationOutcome>> {
    let tree = Tree::new(root, announce);
    for (package, parts) in tests_by_package(table) {
        println!("{package}: with every fence");
        tree.prove(package, &parts)?;
    }
    let mut outcomes = BTreeMap::new();
    for mutation in &table.mutations {
        let outcome = tree.judge(table, mutation)?;
        let text = match outcome {
            MutationOutcome::Killed => "a test goes red".to_owned(),
            MutationOutcome::Survived => "NO TEST NOTICES".to_owned(),
            MutationOutcome::Broken(code) => format!("CANNOT BE JUDGED (nextest ended with {code:?})"),
            MutationOutcome::Crippled => "CANNOT BE JUDGED (the controls are red, too)".to_owned(),
        };
        println!("{}: {text}", mutation.name);
        outcomes.insert(mutation.name.clone(), outcome);
    }
    Ok(outcomes)
}

/// What must be green before the first fence is removed.
fn tests_by_package(table: &MutationTable) -> BTreeMap<&str, Vec<String>> {
    let mut all: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for mutation in &table.mutations {
        let tests = all.entry(&mutation.package).or_default();
        tests.extend(mutation.tests.iter().chain(table.controls_of(mutation)).cloned());
    }
    all.into_iter().map(|(package, tests)| (package, tests.into_iter().collect())).collect()
}
