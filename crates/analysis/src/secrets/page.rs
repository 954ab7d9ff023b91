//! The text that is scanned, with the number of each line. Nothing is searched here.

use std::borrow::Cow;
use std::ops::Range;

use crate::{FileDiff, LineKind};

/// One text to scan; its buffers can be used again for the next.
#[derive(Default)]
pub(crate) struct Page<'a> {
    pub(crate) text: Cow<'a, [u8]>,
    lines: Vec<PageLine>,
}

struct PageLine {
    start: usize,
    /// The number in the file; 0 for a line that only keeps hunks apart.
    number: u32,
    added: bool,
}

impl<'a> Page<'a> {
    /// A whole file, of which every line counts.
    pub(crate) fn of_text(text: &'a [u8]) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text).map(|at| at + 1));
        let lines = starts.zip(1..).map(|(start, number)| PageLine { start, number, added: true }).collect();
        Self { text: Cow::Borrowed(text), lines }
    }

    /// Replaces the content by the new side of a patch, of which only the added lines count.
    pub(crate) fn fill(&mut self, file: &FileDiff) {
        let mut text = std::mem::take(&mut self.text).into_owned();
        text.clear();
        self.lines.clear();
        for hunk in file.hunks() {
            self.lines.push(PageLine { start: text.len(), number: 0, added: false });
            text.push(b'\n');
            for line in hunk.lines().filter(|line| line.kind != LineKind::Removed) {
                let added = line.kind == LineKind::Added;
                self.lines.push(PageLine { start: text.len(), number: line.number, added });
                text.extend_from_slice(line.text.as_bytes());
                text.push(b'\n');
            }
        }
        self.text = Cow::Owned(text);
    }

    /// Finds the line that holds a position, beginning at one that does not come after it.
    pub(crate) fn line_from(&self, first: usize, position: usize) -> usize {
        let later = self.lines.iter().skip(first + 1).take_while(|line| line.start <= position).count();
        first + later
    }

    /// Where a line is, without its end.
    pub(crate) fn span(&self, line: usize) -> Range<usize> {
        let start = self.lines.get(line).map_or(self.text.len(), |line| line.start);
        let end = self.lines.get(line + 1).map_or(self.text.len(), |next| next.start.saturating_sub(1));
        start..end.max(start)
    }

    /// The bytes in a range, or none if it is out of bounds.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }

    /// The number of a line in its file.
    pub(crate) fn number(&self, line: usize) -> u32 {
        self.lines.get(line).map_or(0, |line| line.number)
    }

    /// Whether any of these lines counts.
    pub(crate) fn any_added(&self, first: usize, last: usize) -> bool {
        self.lines.get(first..=last).is_some_and(|lines| lines.iter().any(|line| line.added))
    }

    /// The line before, if it is the one before in the file too.
    pub(crate) fn previous(&self, line: usize) -> Option<usize> {
        let before = line.checked_sub(1)?;
        (self.number(before) > 0 && self.number(before) + 1 == self.number(line)).then_some(before)
    }
}
