//! A throw-away git repository, out of reach of the settings of whoever runs the tests.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

use codeflow_analysis::{Diff, DiffLimits, DiffReader, GIT_DIFF_ARGS};
use tempfile::TempDir;

pub(crate) struct Repo {
    dir: TempDir,
}

impl Repo {
    pub(crate) fn new() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q"]);
        repo
    }

    pub(crate) fn path(&self, path: &[u8]) -> PathBuf {
        self.dir.path().join(OsStr::from_bytes(path))
    }

    pub(crate) fn write(&self, path: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
        let path = self.path(path.as_ref());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, path: impl AsRef<[u8]>) {
        fs::remove_file(self.path(path.as_ref())).unwrap();
    }

    /// Records the files as they are now, and names the tree.
    pub(crate) fn tree(&self) -> String {
        self.git(&["add", "-A"]);
        String::from_utf8(self.git(&["write-tree"])).unwrap().trim().to_owned()
    }

    pub(crate) fn git(&self, args: &[&str]) -> Vec<u8> {
        let output = Command::new("git")
            .args(args)
            .current_dir(self.dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// What git prints for the difference, called as the crate asks for.
    pub(crate) fn diff_text(&self, base: &str, head: &str, extra: &[&str]) -> Vec<u8> {
        let args: Vec<&str> = [GIT_DIFF_ARGS, extra, &[base, head, "--"]].concat();
        self.git(&args)
    }

    pub(crate) fn diff(&self, base: &str, head: &str) -> Diff {
        Diff::parse(base, head, &self.diff_text(base, head, &[]))
    }
}

/// Reads a diff in pieces of the given size.
pub(crate) fn read_in_pieces(text: &[u8], size: usize, limits: DiffLimits) -> Diff {
    let mut reader = DiffReader::new(limits);
    for piece in text.chunks(size.max(1)) {
        reader.push(piece);
    }
    reader.finish("base", "head")
}
