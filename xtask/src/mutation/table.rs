//! The table of fences: where each one is, what is left when it is removed, and the tests that notice.

use std::{fs, path::Path};

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
    /// The tests, as nextest chooses them.
    pub tests: String,
}

#[derive(Deserialize)]
struct Table {
    mutation: Vec<Mutation>,
}

/// All fences of the table.
///
/// # Errors
/// When the table cannot be read.
pub fn mutations(root: &Path) -> Result<Vec<Mutation>> {
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("could not read {TABLE}"))?;
    let table: Table = toml::from_str(&text).with_context(|| format!("{TABLE} is not a table of fences"))?;
    Ok(table.mutation)
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
