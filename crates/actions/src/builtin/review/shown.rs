//! Which part of a change a model is shown: the riskiest files first, as much as there is room for, and a word about
//! everything left out. The same change always gives the same choice.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use codeflow_analysis::{Diff, FileDiff, FileKind, FileStatus, Hunk, LineKind, RiskScore, Totals};
use serde::Serialize;

use crate::llm::shown;

/// Fewer bytes of code than this make no token.
const BYTES_PER_TOKEN: usize = 3;

/// How many files that were left out are named.
const MAX_LEFT_OUT: usize = 100;

/// The longest line that is shown, in characters.
const LONGEST_LINE: usize = 1000;

/// What a model is shown.
pub(super) struct Shown {
    /// The text, without a fence.
    pub(super) text: String,
    /// The files in it, by the names that they have there.
    files: BTreeMap<String, ShownFile>,
    /// What is not in it.
    pub(super) left_out: Vec<LeftOut>,
    /// How many more are not.
    pub(super) left_out_more: u64,
}

/// A file that a model was shown.
pub(super) struct ShownFile {
    /// Its path.
    pub(super) path: String,
    /// Its lines as they are now, those that were shown.
    pub(super) lines: BTreeMap<u32, String>,
}

/// A file that was not shown, or not in full.
#[derive(Serialize)]
pub(super) struct LeftOut {
    path: String,
    reason: &'static str,
}

impl Shown {
    /// Chooses what fits.
    pub(super) fn choose(diff: Diff, tokens: usize) -> Self {
        let room = tokens.saturating_mul(BYTES_PER_TOKEN);
        let mut choice =
            Self { text: String::new(), files: BTreeMap::new(), left_out: Vec::new(), left_out_more: 0 };
        for file in ranked(diff) {
            choice.take(file, room);
        }
        choice
    }

    /// Whether nothing is left that a model could say something about.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Finds a file by the name under which it was shown.
    pub(super) fn find(&self, name: &str) -> Option<&ShownFile> {
        self.files.get(name)
    }

    fn take(&mut self, file: FileDiff, room: usize) {
        if matches!(file.kind, FileKind::Binary | FileKind::Submodule) {
            return self.leave_out(file.path, "it is not text");
        }
        let name = brief(&file.path);
        let left = room.saturating_sub(self.text.len());
        // One file leaves room for others.
        let mut part = Part { text: head(&name, &file), lines: BTreeMap::new(), room: left.min(room / 2) };
        if part.text.len() > part.room {
            return self.leave_out(file.path, "it did not fit");
        }
        // What is gone is told, not shown: nobody can find fault with a place that is no more.
        let gone = file.status == FileStatus::Deleted;
        let whole = gone || file.hunks().all(|hunk| part.add(hunk));
        if !whole && part.lines.is_empty() {
            return self.leave_out(file.path, "it did not fit");
        }
        self.text.push_str(&part.text);
        if !whole || file.cut {
            self.leave_out(file.path.clone(), "only its beginning was shown");
        }
        self.files.insert(name, ShownFile { path: file.path, lines: part.lines });
    }

    fn leave_out(&mut self, path: String, reason: &'static str) {
        if self.left_out.len() < MAX_LEFT_OUT {
            self.left_out.push(LeftOut { path, reason });
        } else {
            self.left_out_more += 1;
        }
    }
}

/// The files, riskiest first; files of one risk stay in their order.
fn ranked(diff: Diff) -> Vec<FileDiff> {
    let scored = |file: FileDiff| {
        let totals = Totals { files: 1, additions: file.additions, deletions: file.deletions, bytes: 0 };
        let mut alone = Diff { files: vec![file], totals, ..Diff::default() };
        let score = RiskScore::assess(&alone).score;
        alone.files.pop().map(|file| (score, file))
    };
    let mut files: Vec<(u8, FileDiff)> = diff.files.into_iter().filter_map(scored).collect();
    files.sort_by_key(|(score, _)| Reverse(*score));
    files.into_iter().map(|(_, file)| file).collect()
}

fn head(name: &str, file: &FileDiff) -> String {
    let how = match file.status {
        FileStatus::Added => "added",
        FileStatus::Modified => "modified",
        FileStatus::Deleted => "deleted",
        FileStatus::Renamed => "renamed",
        FileStatus::Copied => "copied",
        FileStatus::TypeChanged => "type changed",
    };
    let (added, removed) = (file.additions, file.deletions);
    let mut head = format!("FILE {name}\n{how}, +{added} -{removed}");
    if let Some(old) = file.old_path.as_deref().filter(|old| *old != file.path) {
        let _ = write!(head, ", before: {}", brief(old));
    }
    if let (Some(old), Some(new)) = (&file.old_mode, &file.new_mode)
        && old != new
    {
        let _ = write!(head, ", mode {} to {}", brief(old), brief(new));
    }
    head.push('\n');
    head
}

/// One file as far as it fits.
struct Part {
    text: String,
    lines: BTreeMap<u32, String>,
    room: usize,
}

impl Part {
    /// Adds a hunk, unless there is no room for it.
    fn add(&mut self, hunk: Hunk<'_>) -> bool {
        let mut text = format!("@@ {}\n", brief(hunk.heading));
        let mut lines = Vec::new();
        for line in hunk.lines() {
            let shown = brief(line.text);
            let _ = match line.kind {
                LineKind::Added => writeln!(text, "{:>6} + {shown}", line.number),
                LineKind::Context => writeln!(text, "{:>6}   {shown}", line.number),
                LineKind::Removed => writeln!(text, "       - {shown}"),
            };
            if line.kind != LineKind::Removed {
                lines.push((line.number, shown));
            }
            if self.text.len() + text.len() > self.room {
                return false;
            }
        }
        self.text.push_str(&text);
        self.lines.extend(lines);
        true
    }
}

/// One line, with all that hides written out, and not too long.
fn brief(text: &str) -> String {
    let text = shown(text.trim_end_matches(['\r', '\n']));
    match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
