//! `cargo xtask deny`: what the project depends on is allowed, free of known holes, and used.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{process, tools};

/// Bans, licences and sources, which need nothing but the lock file.
pub(crate) fn deny() -> Result<()> {
    tools::DENY.ensure()?;
    // The judgement covers crates for other platforms, which a build never downloads.
    process::run(process::cargo().args(["fetch", "--locked", "--quiet"]))?;
    // deny.toml also names crates that are still to come.
    let arguments =
        ["deny", "--offline", "check", "--allow", "unused-wrapper", "bans", "licenses", "sources"];
    process::run(process::cargo().args(arguments))
}

/// What became of the check for known holes.
pub(crate) enum Advisories {
    /// Checked against a fresh copy of the database.
    Fresh,
    /// Checked against the copy that was there already.
    Stored,
    /// Not checked: the database cannot be reached and there is no copy.
    Unchecked,
}

/// Checks the lock file against the advisory database, as fresh as it can be had.
pub(crate) fn advisories() -> Result<Advisories> {
    tools::DENY.ensure()?;
    let fetched = process::output(process::cargo().args(["deny", "fetch", "db"]));
    if fetched.is_err() && !has_stored_database()? {
        println!("!!! ADVISORIES NOT CHECKED: the database cannot be reached and there is no local copy !!!");
        return Ok(Advisories::Unchecked);
    }
    process::run(process::cargo().args(["deny", "--offline", "check", "advisories"]))?;
    Ok(if fetched.is_ok() { Advisories::Fresh } else { Advisories::Stored })
}

/// Dependencies that no source names.
pub(crate) fn unused(root: &Path) -> Result<()> {
    tools::MACHETE.ensure()?;
    process::run(process::cargo().current_dir(root).arg("machete"))
}

/// Whether cargo-deny kept a copy of the database in its usual place.
fn has_stored_database() -> Result<bool> {
    let home = crate::environment::cargo_home().context("there is no home folder for cargo")?;
    let Ok(databases) = home.join("advisory-dbs").read_dir() else { return Ok(false) };
    for database in databases {
        if database?.path().join("crates").is_dir() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The whole of `cargo xtask deny`; every part runs even if an earlier one failed.
pub(crate) fn all(root: &Path) -> Result<()> {
    let outcomes = [deny(), advisories().map(drop), unused(root)];
    let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
    let problems: Vec<String> = failed.map(|error| format!("{error:#}")).collect();
    if problems.is_empty() { Ok(()) } else { bail!("{}", problems.join("; ")) }
}
