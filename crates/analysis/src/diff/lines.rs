//! Walks over the hunks and lines of one file's patch, without copying. It reads only what the reader kept.

use std::str::Lines as TextLines;

use super::FileDiff;

/// One hunk of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// The first line of the hunk in the old file.
    pub old_start: u32,
    /// The first line of the hunk in the new file.
    pub new_start: u32,
    /// What git prints after the positions: usually the enclosing function.
    pub heading: &'a str,
    body: &'a str,
}

/// On which side of the change a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// On both sides.
    Context,
    /// Only in the new file.
    Added,
    /// Only in the old file.
    Removed,
}

/// One line of a hunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// On which side it stands.
    pub kind: LineKind,
    /// Its number: in the old file if it was removed, else in the new one.
    pub number: u32,
    /// The line, without its end.
    pub text: &'a str,
}

impl FileDiff {
    /// Walks over the hunks that were kept.
    pub fn hunks(&self) -> impl Iterator<Item = Hunk<'_>> {
        Hunks { rest: &self.patch }
    }

    /// Walks over the lines of the new file that the patch shows: context and added ones.
    pub fn new_lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.hunks().flat_map(|hunk| hunk.lines()).filter(|line| line.kind != LineKind::Removed)
    }

    /// Walks over the added lines, each with its number in the new file.
    pub fn added_lines(&self) -> impl Iterator<Item = (u32, &str)> {
        self.new_lines().filter(|line| line.kind == LineKind::Added).map(|line| (line.number, line.text))
    }
}

impl<'a> Hunk<'a> {
    /// Walks over the lines of this hunk.
    pub fn lines(self) -> impl Iterator<Item = Line<'a>> {
        HunkLines { text: self.body.lines(), old: self.old_start, new: self.new_start }
    }
}

struct Hunks<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Hunks<'a> {
    type Item = Hunk<'a>;

    fn next(&mut self) -> Option<Hunk<'a>> {
        // Only a hunk's header starts with `@`: every line of a body starts with its marker.
        loop {
            let (first, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            if first.is_empty() && rest.is_empty() {
                return None;
            }
            self.rest = rest;
            let Some(positions) = Positions::parse(first.as_bytes()) else { continue };
            let end =
                if rest.starts_with('@') { 0 } else { rest.find("\n@").map_or(rest.len(), |at| at + 1) };
            let (body, rest) = rest.split_at(end);
            self.rest = rest;
            return Some(Hunk {
                old_start: positions.old_start,
                new_start: positions.new_start,
                heading: first.get(positions.heading..).unwrap_or("").trim(),
                body,
            });
        }
    }
}

struct HunkLines<'a> {
    text: TextLines<'a>,
    old: u32,
    new: u32,
}

impl<'a> Iterator for HunkLines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            let line = self.text.next()?;
            let (kind, text) = match line.as_bytes().first() {
                Some(b'+') => (LineKind::Added, line.get(1..)),
                Some(b'-') => (LineKind::Removed, line.get(1..)),
                Some(b'\\') => continue,
                Some(_) => (LineKind::Context, line.get(1..)),
                None => (LineKind::Context, Some(line)),
            };
            let number = if kind == LineKind::Removed { self.old } else { self.new };
            if kind != LineKind::Added {
                self.old = self.old.saturating_add(1);
            }
            if kind != LineKind::Removed {
                self.new = self.new.saturating_add(1);
            }
            return Some(Line { kind, number, text: text.unwrap_or("") });
        }
    }
}

/// The numbers in `@@ -old,lines +new,lines @@ heading`.
pub(super) struct Positions {
    pub(super) old_start: u32,
    pub(super) old_lines: u32,
    pub(super) new_start: u32,
    pub(super) new_lines: u32,
    heading: usize,
}

impl Positions {
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"@@ -")?;
        let close = memchr::memmem::find(rest, b" @@")?;
        let (old, new) = std::str::from_utf8(rest.get(..close)?).ok()?.split_once(" +")?;
        let (old_start, old_lines) = Self::range(old)?;
        let (new_start, new_lines) = Self::range(new)?;
        Some(Self { old_start, old_lines, new_start, new_lines, heading: 4 + close + 3 })
    }

    /// Reads `start` or `start,lines`; one line is meant where the count is missing.
    fn range(text: &str) -> Option<(u32, u32)> {
        match text.split_once(',') {
            Some((start, lines)) => Some((start.parse().ok()?, lines.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    }
}
