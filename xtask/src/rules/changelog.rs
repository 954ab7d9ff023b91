//! Fragments of the changelog say something.

use crate::{tree::Tree, violation::Violation};

const FOLDER: &str = "changes/unreleased";

/// Checks each fragment that waits for the next release.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.pages(FOLDER)
        .filter(|page| page.text.trim().is_empty())
        .map(|page| {
            let advice = "say what changed, who is affected, and what to do";
            Violation::file("changelog", &page.path, advice)
        })
        .collect()
}
