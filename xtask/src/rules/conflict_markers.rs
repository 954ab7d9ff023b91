//! No file keeps the marks of an unfinished merge.

use crate::{tree::Tree, violation::Violation};

/// The characters that git repeats seven times. A row of `=` is also a heading in Markdown, and never stands alone.
const MARKS: &[char] = &['<', '>', '|'];
const REPEATED: usize = 7;

/// Checks every text file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files() {
        let marked = file.text.lines().enumerate().filter(|(_, line)| is_marker(line));
        found.extend(marked.map(|(index, _)| {
            Violation::line(
                "conflict-markers",
                &file.path,
                index + 1,
                "finish the merge and remove the marker",
            )
        }));
    }
    found
}

fn is_marker(line: &str) -> bool {
    MARKS.iter().any(|mark| {
        let rest = line.trim_start_matches(*mark);
        line.len() - rest.len() == REPEATED && rest.starts_with(' ')
    })
}
