//! No file holds a credential, by the scanner that the project ships.

use codeflow_analysis::{Finding, SecretScanner};

use crate::{tree::Tree, violation::Violation};

/// Checks every text file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let scanner = SecretScanner::default();
    tree.files()
        .flat_map(|file| scanner.scan_text(&file.path, file.text.as_bytes()).findings)
        .map(violation)
        .collect()
}

fn violation(finding: Finding) -> Violation {
    let message = format!("{} ({})", finding.message, finding.rule);
    Violation {
        line: finding.line.and_then(|line| line.try_into().ok()),
        ..Violation::file("secrets", &finding.path, message)
    }
}
