//! Reads git's diff text piece by piece in bounded memory. No text makes it fail; what it cannot place, it skips.

use super::header::Header;
use super::lines::Positions;
use super::{Diff, FileDiff, FileStatus, Omitted, OmittedReason};

/// How much of a diff is kept. Lines are counted beyond that, but their text is dropped while reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffLimits {
    /// Patch text kept over all files.
    pub total_bytes: usize,
    /// Patch text kept for one file.
    pub file_bytes: usize,
    /// Files kept.
    pub files: usize,
    /// How much is kept of one line.
    pub line_bytes: usize,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self { total_bytes: 16 << 20, file_bytes: 1 << 20, files: 3000, line_bytes: 64 << 10 }
    }
}

/// Builds a [`Diff`] from the output of git, fed in pieces of any size.
///
/// A parser of its own, because the text may be far larger than memory allows: a library such as `diffy` wants all of
/// it at once, and refuses a file whose hunks were cut. In the tests, `diffy` gives the second opinion.
///
/// ```
/// use codeflow_analysis::{DiffLimits, DiffReader};
///
/// let mut reader = DiffReader::new(DiffLimits::default());
/// reader.push(b"diff --git a/hello b/hello\n--- a/hello\n+++ b/hello\n@@ -1 +1 @@\n-old\n+n");
/// reader.push(b"ew\n");
/// let diff = reader.finish("main", "topic");
///
/// assert_eq!(diff.files[0].added_lines().collect::<Vec<_>>(), [(1, "new")]);
/// ```
pub struct DiffReader {
    limits: DiffLimits,
    diff: Diff,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    line_dropped: u64,
    section: Option<Section>,
    kept: usize,
}

/// The file being read.
struct Section {
    header: Header,
    in_body: bool,
    old_left: u32,
    new_left: u32,
    additions: u64,
    deletions: u64,
    patch: String,
    lossy: bool,
    cut: Option<OmittedReason>,
    dropped: u64,
    dropped_from_lines: u64,
}

/// What one line of the diff is.
enum Role {
    Start,
    HunkHeader(Positions),
    Added,
    Removed,
    Context,
    NoNewline,
    Header,
}

impl DiffReader {
    /// Starts reading with nothing seen.
    pub fn new(limits: DiffLimits) -> Self {
        Self { limits, diff: Diff::default(), line: Vec::new(), line_dropped: 0, section: None, kept: 0 }
    }

    /// Takes in the next piece of git's output.
    pub fn push(&mut self, chunk: &[u8]) {
        self.diff.totals.bytes += chunk.len() as u64;
        let mut rest = chunk;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (head, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.line.is_empty() && head.len() <= self.limits.line_bytes {
                self.read_line(head, 0);
                continue;
            }
            self.gather(head);
            self.read_gathered();
        }
        self.gather(rest);
    }

    /// Ends the diff and names the two revisions it is between.
    pub fn finish(mut self, base: impl Into<String>, head: impl Into<String>) -> Diff {
        if !self.line.is_empty() {
            self.read_gathered();
        }
        self.close();
        self.diff.base = base.into();
        self.diff.head = head.into();
        self.diff
    }

    fn gather(&mut self, piece: &[u8]) {
        let room = self.limits.line_bytes.saturating_sub(self.line.len());
        let (kept, dropped) = piece.split_at(room.min(piece.len()));
        self.line.extend_from_slice(kept);
        self.line_dropped += dropped.len() as u64;
    }

    fn read_gathered(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        let dropped = std::mem::take(&mut self.line_dropped);
        self.read_line(&line, dropped);
        line.clear();
        self.line = line;
    }

    fn read_line(&mut self, line: &[u8], dropped: u64) {
        let role = role_of(self.section.as_ref(), line);
        if matches!(role, Role::Start) {
            self.close();
            self.open(line);
            return;
        }
        let room = self.limits.total_bytes.saturating_sub(self.kept);
        let limits = self.limits;
        if let Some(section) = &mut self.section
            && section.take(&role, line)
        {
            section.dropped_from_lines += dropped;
            self.kept += section.keep(line, room, limits.file_bytes);
        }
    }

    fn open(&mut self, line: &[u8]) {
        let mut section = Section::new(Header::new(line.get(b"diff --git ".len()..).unwrap_or_default()));
        if self.diff.files.len() >= self.limits.files {
            section.cut = Some(OmittedReason::TooManyFiles);
        }
        self.section = Some(section);
    }

    fn close(&mut self) {
        let Some(section) = self.section.take() else { return };
        self.diff.totals.additions += section.additions;
        self.diff.totals.deletions += section.deletions;
        if section.dropped_from_lines > 0 {
            self.omit(section.header.path(), OmittedReason::LineTooLong, section.dropped_from_lines);
        }
        if let Some(reason) = section.cut {
            self.omit(section.header.path(), reason, section.dropped);
            if reason == OmittedReason::TooManyFiles {
                self.diff.totals.files += 1;
                return;
            }
        }
        let file = section.into_file();
        match self.diff.files.last_mut() {
            Some(last) if replaces(last, &file) => merge(last, file),
            _ => {
                self.diff.totals.files += 1;
                self.diff.files.push(file);
            }
        }
    }

    fn omit(&mut self, path: String, reason: OmittedReason, bytes: u64) {
        if self.diff.omitted.len() < Diff::MAX_OMITTED {
            self.diff.omitted.push(Omitted { path, reason, bytes });
        } else {
            self.diff.omitted_more += 1;
        }
    }
}

impl Section {
    fn new(header: Header) -> Self {
        Self {
            header,
            in_body: false,
            old_left: 0,
            new_left: 0,
            additions: 0,
            deletions: 0,
            patch: String::new(),
            lossy: false,
            cut: None,
            dropped: 0,
            dropped_from_lines: 0,
        }
    }

    /// Counts the line, and says whether it belongs to the patch.
    fn take(&mut self, role: &Role, line: &[u8]) -> bool {
        match role {
            Role::Start => return false,
            Role::Header => {
                self.header.line(line);
                return false;
            }
            Role::HunkHeader(positions) => {
                self.in_body = true;
                (self.old_left, self.new_left) = (positions.old_lines, positions.new_lines);
            }
            Role::Added => {
                self.additions += 1;
                self.new_left = self.new_left.saturating_sub(1);
            }
            Role::Removed => {
                self.deletions += 1;
                self.old_left = self.old_left.saturating_sub(1);
            }
            Role::Context => {
                self.old_left = self.old_left.saturating_sub(1);
                self.new_left = self.new_left.saturating_sub(1);
            }
            Role::NoNewline => {}
        }
        true
    }

    /// Appends the line if it fits, and says how much was kept. After the first line that did not, none is kept.
    fn keep(&mut self, line: &[u8], room: usize, file_bytes: usize) -> usize {
        let text = String::from_utf8_lossy(line);
        let size = text.len() + 1;
        if self.cut.is_none() && self.patch.len() + size > file_bytes {
            self.cut = Some(OmittedReason::FileTooLarge);
        } else if self.cut.is_none() && size > room {
            self.cut = Some(OmittedReason::DiffTooLarge);
        }
        if self.cut.is_some() {
            self.dropped += line.len() as u64 + 1;
            return 0;
        }
        self.lossy |= matches!(text, std::borrow::Cow::Owned(_));
        self.patch.push_str(&text);
        self.patch.push('\n');
        size
    }

    fn into_file(self) -> FileDiff {
        FileDiff {
            additions: self.additions,
            deletions: self.deletions,
            patch: self.patch,
            lossy: self.lossy,
            cut: self.cut.is_some() || self.dropped_from_lines > 0,
            ..self.header.into_file()
        }
    }
}

/// Decides by the counts of the hunk first: a removed line may well look like a header.
fn role_of(section: Option<&Section>, line: &[u8]) -> Role {
    if let Some(section) = section {
        let in_hunk = section.old_left > 0 || section.new_left > 0;
        match line.first() {
            Some(b'+') if in_hunk => return Role::Added,
            Some(b'-') if in_hunk => return Role::Removed,
            Some(b' ') | None if in_hunk => return Role::Context,
            Some(b'\\') if section.in_body => return Role::NoNewline,
            Some(b'@') => {
                if let Some(positions) = Positions::parse(line) {
                    return Role::HunkHeader(positions);
                }
            }
            _ => {}
        }
    }
    if line.starts_with(b"diff --git ") { Role::Start } else { Role::Header }
}

/// Git shows a file that became a link, or the reverse, as one deleted and one added under the same name.
fn replaces(last: &FileDiff, file: &FileDiff) -> bool {
    last.status == FileStatus::Deleted && file.status == FileStatus::Added && last.path == file.path
}

fn merge(last: &mut FileDiff, file: FileDiff) {
    last.status = FileStatus::TypeChanged;
    last.kind = file.kind;
    last.new_mode = file.new_mode;
    last.additions += file.additions;
    last.deletions += file.deletions;
    last.patch.push_str(&file.patch);
    last.lossy |= file.lossy;
    last.cut |= file.cut;
}
