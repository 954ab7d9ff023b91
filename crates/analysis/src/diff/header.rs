//! The lines git prints about a file before its hunks. Hunks are none of its business.

use super::quoted::{show, unquote};
use super::{FileDiff, FileKind, FileStatus};

/// What the header of one file has said so far.
#[derive(Default)]
pub(super) struct Header {
    names: Vec<u8>,
    moved: Option<FileStatus>,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
    created: bool,
    deleted: bool,
    binary: bool,
    old_mode: Option<String>,
    new_mode: Option<String>,
}

impl Header {
    /// Begins with what follows `diff --git `.
    pub(super) fn new(names: &[u8]) -> Self {
        Self { names: names.to_vec(), ..Self::default() }
    }

    /// Takes in one further line; lines that say nothing about the file are ignored.
    pub(super) fn line(&mut self, line: &[u8]) {
        if let Some(path) = line.strip_prefix(b"rename from ") {
            self.moved_from(FileStatus::Renamed, path);
        } else if let Some(path) = line.strip_prefix(b"copy from ") {
            self.moved_from(FileStatus::Copied, path);
        } else if let Some(path) = line.strip_prefix(b"rename to ").or(line.strip_prefix(b"copy to ")) {
            self.to = Some(unquote(path).into_owned());
        } else if let Some(value) = line.strip_prefix(b"old mode ") {
            self.old_mode = mode(value);
        } else if let Some(value) = line.strip_prefix(b"new mode ") {
            self.new_mode = mode(value);
        } else if let Some(value) = line.strip_prefix(b"new file mode ") {
            self.created = true;
            self.new_mode = mode(value);
        } else if let Some(value) = line.strip_prefix(b"deleted file mode ") {
            self.deleted = true;
            self.old_mode = mode(value);
        } else if let Some(value) = line.strip_prefix(b"index ") {
            self.unchanged_mode(value);
        } else if line.starts_with(b"Binary files ") || line == b"GIT binary patch" {
            self.binary = true;
        }
    }

    fn moved_from(&mut self, status: FileStatus, path: &[u8]) {
        self.moved = Some(status);
        self.from = Some(unquote(path).into_owned());
    }

    /// `index old..new mode` names the mode when it did not change.
    fn unchanged_mode(&mut self, value: &[u8]) {
        let Some(at) = memchr::memchr(b' ', value) else { return };
        let found = value.get(at + 1..).and_then(mode);
        if self.old_mode.is_none() && self.new_mode.is_none() {
            self.old_mode.clone_from(&found);
            self.new_mode = found;
        }
    }

    fn status(&self) -> FileStatus {
        match self.moved {
            Some(status) => status,
            None if self.created => FileStatus::Added,
            None if self.deleted => FileStatus::Deleted,
            None => FileStatus::Modified,
        }
    }

    fn kind(&self) -> FileKind {
        match self.new_mode.as_deref().or(self.old_mode.as_deref()) {
            Some("160000") => FileKind::Submodule,
            Some("120000") => FileKind::Symlink,
            _ if self.binary => FileKind::Binary,
            _ => FileKind::Text,
        }
    }

    /// The path, for a record of something omitted.
    pub(super) fn path(&self) -> String {
        show(&self.new_path()).0
    }

    fn new_path(&self) -> Vec<u8> {
        self.to.clone().unwrap_or_else(|| same_name(&self.names))
    }

    /// The file as its header describes it, still without its patch.
    pub(super) fn into_file(self) -> FileDiff {
        let (path, new_escaped) = show(&self.new_path());
        let old = self.from.as_deref().map(show);
        FileDiff {
            path,
            path_escaped: new_escaped || old.as_ref().is_some_and(|(_, escaped)| *escaped),
            status: self.status(),
            kind: self.kind(),
            old_path: old.map(|(path, _)| path),
            old_mode: self.old_mode,
            new_mode: self.new_mode,
            additions: 0,
            deletions: 0,
            patch: String::new(),
            lossy: false,
            cut: false,
        }
    }
}

/// Finds the path in `a/PATH b/PATH`.
///
/// Without a rename both halves are equal but for their prefix, so the middle is the only place to cut,
/// whatever spaces or ` b/` the path has in it.
fn same_name(names: &[u8]) -> Vec<u8> {
    let (left, right) = names.split_at(names.len() / 2);
    let (left, right) = (unquote(left), unquote(right.strip_prefix(b" ").unwrap_or(right)));
    match (left.strip_prefix(b"a/"), right.strip_prefix(b"b/")) {
        (Some(old), Some(new)) if old == new => new.to_vec(),
        _ if left == right => right.into_owned(),
        _ => names.to_vec(),
    }
}

fn mode(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    (!text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}
