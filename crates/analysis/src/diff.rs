//! The model of a diff between two commits, as it travels between steps. Git's output is read in `reader`.

mod header;
mod lines;
mod quoted;
mod reader;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use lines::{Hunk, Line, LineKind};
pub use reader::{DiffLimits, DiffReader};

/// The options with which git must be called, before the two revisions and a closing `--`.
///
/// They switch off every setting of the user or the repository that changes the text of a diff.
pub const GIT_DIFF_ARGS: &[&str] = &[
    "-c",
    "core.quotePath=false",
    "-c",
    "diff.suppressBlankEmpty=false",
    "diff",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
    "--ignore-submodules=none",
    "--unified=3",
    "--inter-hunk-context=0",
    "--find-renames",
];

/// Everything that changed between two revisions, as far as the limits let it be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The revision compared from.
    pub base: String,
    /// The revision compared to.
    pub head: String,
    /// The changed files, in git's order.
    pub files: Vec<FileDiff>,
    /// What the limits left out, at most [`Diff::MAX_OMITTED`] entries.
    pub omitted: Vec<Omitted>,
    /// How many more entries `omitted` would have had.
    pub omitted_more: u64,
    /// Sums over everything read, kept or not.
    pub totals: Totals,
}

impl Diff {
    /// The most entries that `omitted` holds.
    pub const MAX_OMITTED: usize = 1000;

    /// Reads a whole diff that is already in memory, with the default limits.
    pub fn parse(base: impl Into<String>, head: impl Into<String>, text: &[u8]) -> Self {
        let mut reader = DiffReader::new(DiffLimits::default());
        reader.push(text);
        reader.finish(base, head)
    }

    /// Whether something was left out.
    pub fn is_partial(&self) -> bool {
        !self.omitted.is_empty()
    }
}

/// Sums over a whole diff, counted even where the content was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Changed files.
    pub files: u64,
    /// Added lines.
    pub additions: u64,
    /// Removed lines.
    pub deletions: u64,
    /// Bytes of diff text read.
    pub bytes: u64,
}

/// Something that was read and not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// The file concerned.
    pub path: String,
    /// Which limit it was.
    pub reason: OmittedReason,
    /// How many bytes were dropped.
    pub bytes: u64,
}

/// The limit that content ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OmittedReason {
    /// The patch of this file is larger than one file may be.
    FileTooLarge,
    /// The diff as a whole is larger than what is kept.
    DiffTooLarge,
    /// The diff has more files than are kept.
    TooManyFiles,
    /// Lines of this file are longer than one line may be; their beginnings were kept.
    LineTooLong,
}

impl OmittedReason {
    /// The reason as a sentence without a subject.
    pub fn describe(self) -> &'static str {
        match self {
            Self::FileTooLarge => "its patch is larger than the limit for one file",
            Self::DiffTooLarge => "the diff is larger than the limit for all files together",
            Self::TooManyFiles => "the diff has more files than the limit",
            Self::LineTooLong => "it has lines longer than the limit",
        }
    }
}

/// How a file changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileStatus {
    /// It is new.
    Added,
    /// Its content or its mode changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another name, and perhaps another content.
    Renamed,
    /// It came from another file that still exists.
    Copied,
    /// It became something else, such as a symbolic link.
    TypeChanged,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Lines of text, or empty.
    Text,
    /// Content that git does not show as lines.
    Binary,
    /// A commit of another repository.
    Submodule,
    /// A symbolic link; its target is its one line.
    Symlink,
}

/// One changed file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDiff {
    /// Its path now, or the last one it had.
    pub path: String,
    /// Whether `path` or `old_path` is not UTF-8, so that some bytes are shown as `\ooo` in octal.
    pub path_escaped: bool,
    /// Its earlier path, when it was renamed or copied.
    pub old_path: Option<String>,
    /// How it changed.
    pub status: FileStatus,
    /// What it is.
    pub kind: FileKind,
    /// Its mode before, such as `100644`.
    pub old_mode: Option<String>,
    /// Its mode now.
    pub new_mode: Option<String>,
    /// Added lines, counted even where `patch` was cut.
    pub additions: u64,
    /// Removed lines, counted even where `patch` was cut.
    pub deletions: u64,
    /// The hunks as git printed them, without the header of the file.
    pub patch: String,
    /// Whether bytes of the patch were not UTF-8 and have been replaced.
    pub lossy: bool,
    /// Whether a limit cut the patch.
    pub cut: bool,
}

/// Shows the size of the patch instead of its text, which may hold secrets.
impl fmt::Debug for FileDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileDiff")
            .field("path", &self.path)
            .field("old_path", &self.old_path)
            .field("status", &self.status)
            .field("kind", &self.kind)
            .field("modes", &(&self.old_mode, &self.new_mode))
            .field("additions", &self.additions)
            .field("deletions", &self.deletions)
            .field("patch_bytes", &self.patch.len())
            .field("lossy", &self.lossy)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}
