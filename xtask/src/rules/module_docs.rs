//! Every source file opens by saying what lives in it.

use crate::{tree::Tree, violation::Violation};

/// Checks that each Rust file starts with an inner doc comment that says something.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files()
        .filter(|file| {
            let first = file.text.lines().next().unwrap_or_default();
            first.strip_prefix("//!").is_none_or(|sentence| sentence.trim().is_empty())
        })
        .map(|file| {
            let advice = "open the file with `//!` and one sentence saying what lives here";
            Violation::line("module-docs", &file.path, 1, advice)
        })
        .collect()
}
