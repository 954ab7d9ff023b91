//! The text of a document: what may not stand in it at all, and where in it things are.

use super::problem::{ProblemCode, Report};
use super::{Limits, node::Node};
use crate::{Location, Problems};

const START: Location = Location { line: 1, column: 1 };

/// Reads the bytes of a file as the text of a document.
///
/// # Errors
/// A located problem when they are too many, or not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, Problems> {
    let mut report = Report::default();
    let text = if bytes.len() > Limits::DOCUMENT_BYTES {
        too_long(bytes.len(), &mut report);
        ""
    } else {
        std::str::from_utf8(bytes).unwrap_or_else(|error| {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let at = end_of(&before);
            report.add(ProblemCode::Syntax, at, "the file is not UTF-8 here", "save the file as UTF-8");
            ""
        })
    };
    report.into_problems().map_or(Ok(text), Err)
}

fn too_long(bytes: usize, report: &mut Report) {
    let limit = Limits::DOCUMENT_BYTES;
    let message = format!("the document has {bytes} bytes, and {limit} are the limit");
    report.add(
        ProblemCode::Limit,
        START,
        message,
        "split it into several workflows, or pass large data as inputs",
    );
}

fn end_of(text: &str) -> Location {
    let line = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    Location { line, column }
}

/// A text that is short enough and has only characters that may stand in a document.
pub(super) struct Source<'t> {
    pub(super) text: &'t str,
    /// Where each line starts, in bytes.
    lines: Vec<usize>,
    /// Whether each character is one byte.
    ascii: bool,
}

impl<'t> Source<'t> {
    pub(super) fn open(text: &'t str, report: &mut Report) -> Option<Self> {
        if text.len() > Limits::DOCUMENT_BYTES {
            too_long(text.len(), report);
            return None;
        }
        let source = Self { text, lines: line_starts(text), ascii: text.is_ascii() };
        match text.char_indices().find(|(_, c)| is_forbidden(*c)) {
            Some((offset, c)) => {
                let message = format!("the character U+{:04X} may not stand in a document", u32::from(c));
                report.add(ProblemCode::Syntax, source.location(offset), message, forbidden_hint(c));
                None
            }
            None => Some(source),
        }
    }

    /// Where a byte is.
    fn location(&self, offset: usize) -> Location {
        let line = self.lines.partition_point(|start| *start <= offset);
        let before = &self.text[self.lines[line - 1]..offset];
        Location { line, column: 1 + if self.ascii { before.len() } else { before.chars().count() } }
    }

    /// Which byte a location is; the end of the text when there is no such place.
    fn offset(&self, at: Location) -> usize {
        let start = self.lines.get(at.line - 1).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        if self.ascii {
            return self.text.len().min(start + at.column - 1);
        }
        start + rest.char_indices().nth(at.column - 1).map_or(rest.len(), |(offset, _)| offset)
    }

    /// Where the first of `needles` that is written in `node` stands; the node's own place when none is.
    pub(super) fn find(&self, node: &Node, needles: &[&str]) -> Location {
        let (start, end) = (self.offset(node.at), self.offset(node.end));
        let written = self.text.get(start..end.max(start)).unwrap_or_default();
        needles
            .iter()
            .filter(|needle| !needle.is_empty())
            .find_map(|needle| written.find(needle))
            .map_or(node.at, |found| self.location(start + found))
    }

    /// Where the byte `offset` of a scalar's value stands, as far as its line is written the way it reads.
    pub(super) fn within(&self, node: &Node, value: &str, offset: usize) -> Location {
        let offset = (0..=offset.min(value.len())).rev().find(|o| value.is_char_boundary(*o)).unwrap_or(0);
        let line_start = value[..offset].rfind('\n').map_or(0, |newline| newline + 1);
        let line = value[line_start..].split('\n').next().unwrap_or_default();
        let found = self.find(node, &[line]);
        if found == node.at && !self.text[self.offset(found)..].starts_with(line) {
            return found;
        }
        Location { line: found.line, column: found.column + value[line_start..offset].chars().count() }
    }
}

/// A line ends as YAML says: with a line feed, a carriage return, or both.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends = |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(0).chain((0..bytes.len()).filter(|at| ends(*at)).map(|at| at + 1)).collect()
}

fn is_forbidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    control || matches!(c, '\u{FEFF}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn forbidden_hint(c: char) -> &'static str {
    match c {
        '\u{FEFF}' => "save the file as UTF-8 without a byte order mark",
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            "remove it: it makes text look different from what it says"
        }
        _ => "remove it, or write it as an escape in a double-quoted text",
    }
}
