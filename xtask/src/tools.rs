//! The cargo plugins that tasks need, at pinned versions, installed when missing.

use anyhow::{Context, Result};

use crate::process;

/// One plugin of cargo.
pub(crate) struct Tool {
    /// The package, which installs `cargo-NAME`.
    package: &'static str,
    version: &'static str,
}

/// Runs tests.
pub(crate) const NEXTEST: Tool = Tool { package: "cargo-nextest", version: "0.9.143" };
/// Judges dependencies: bans, licences, sources, advisories.
pub(crate) const DENY: Tool = Tool { package: "cargo-deny", version: "0.20.2" };
/// Feeds fuzz targets.
pub(crate) const FUZZ: Tool = Tool { package: "cargo-fuzz", version: "0.13.2" };
/// Finds dependencies that nobody uses.
pub(crate) const MACHETE: Tool = Tool { package: "cargo-machete", version: "0.9.2" };

impl Tool {
    /// Makes sure that the pinned version is installed.
    pub(crate) fn ensure(&self) -> Result<()> {
        if self.installed().as_deref() == Some(self.version) {
            return Ok(());
        }
        println!("{} {} is not installed; building it once", self.package, self.version);
        process::run(process::cargo().args(["install", "--locked", "--version", self.version, self.package]))
            .with_context(|| format!("could not install {} {}", self.package, self.version))
    }

    /// The installed version, if any: the first word of the answer that looks like one.
    fn installed(&self) -> Option<String> {
        let subcommand = self.package.strip_prefix("cargo-").unwrap_or(self.package);
        let answer = process::output(process::cargo().args([subcommand, "--version"])).ok()?;
        let version =
            answer.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        Some(version.to_owned())
    }
}
