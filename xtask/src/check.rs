//! `cargo xtask check`: the rules about the tree, the formatting, and Clippy.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{process, rules};

/// Runs all of it, or all but Clippy, and reports the first part that failed.
pub(crate) fn all(root: &Path, fast: bool) -> Result<()> {
    let rules = rules(root);
    let format = format();
    let clippy = if fast { Ok(()) } else { clippy(root) };
    rules.and(format).and(clippy)
}

/// Runs the rules and shows what breaks them.
pub(crate) fn rules(root: &Path) -> Result<()> {
    let found = rules::violations_in(root)?;
    for violation in &found {
        println!("{violation}");
    }
    match found.len() {
        0 => Ok(()),
        1 => bail!("one place breaks a rule"),
        many => bail!("{many} places break a rule"),
    }
}

/// Fails when a file is not formatted.
pub(crate) fn format() -> Result<()> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))
}

/// Fails on any warning of rustc or Clippy, through the wrapper that keeps clones of the project apart.
pub(crate) fn clippy(root: &Path) -> Result<()> {
    let arguments = ["check", "--workspace", "--all-targets", "--keep-going"];
    process::run(process::cargo().env("RUSTC_WORKSPACE_WRAPPER", root.join(".cargo/clippy")).args(arguments))
}

/// Builds the documentation of our crates; a broken link fails.
pub(crate) fn documentation() -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps"];
    process::run(process::cargo().env("RUSTDOCFLAGS", "-D warnings").args(arguments))
}
