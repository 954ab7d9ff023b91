//! The table of fences: where each one is, what is left when it is removed, and the tests that notice.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

const TABLE: &str = "xtask/mutations.toml";

/// A fence and how it is removed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// Its name.
    pub name: String,
    /// The file that it is in.
    pub file: String,
    /// The text with the fence, which occurs once in the file.
    pub old: String,
    /// The text without it.
    pub new: String,
    /// The package whose tests notice.
    pub package: String,
    /// Parts of the names of the tests that notice. Each part chooses some, and one red test is enough.
    pub tests: Vec<String>,
}

/// All fences, and how to know that what is left without one still works.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutationTable {
    /// By package: parts of the names of tests that are green without any of its fences. A mutation that makes them
    /// red broke more than its fence, and a red test says nothing.
    pub controls: BTreeMap<String, Vec<String>>,
    /// The fences.
    #[serde(rename = "mutation")]
    pub mutations: Vec<Mutation>,
}

impl MutationTable {
    /// Reads the table.
    ///
    /// # Errors
    /// When it cannot be read, or has no controls for a package.
    pub fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("could not read {TABLE}"))?;
        let table: Self =
            toml::from_str(&text).with_context(|| format!("{TABLE} is not a table of fences"))?;
        for one in &table.mutations {
            ensure!(table.controls.contains_key(&one.package), "{TABLE} has no controls for {}", one.package);
        }
        Ok(table)
    }

    /// The controls of a mutation's package.
    pub(super) fn controls_of(&self, mutation: &Mutation) -> &[String] {
        self.controls.get(&mutation.package).map_or(&[], Vec::as_slice)
    }
}

impl Mutation {
    /// The text of the file without the fence.
    ///
    /// # Errors
    /// When the fence is not there, or more than once.
    pub fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.old).count();
        ensure!(found == 1, "{}: its text occurs {found} times in {}, not once", self.name, self.file);
        ensure!(self.old != self.new, "{}: it changes nothing", self.name);
        Ok(text.replacen(&self.old, &self.new, 1))
    }
}
