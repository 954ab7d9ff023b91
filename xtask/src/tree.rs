//! The files that git knows or would add, read into memory for the rules. It judges nothing.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::process;

/// Every file of the project, apart from what git ignores.
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One text file. Binary files are not kept: no rule reads them as text.
pub(crate) struct File {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Tree {
    /// Reads the tree below `root`, which must be the top of a git work tree.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let listing = process::output(process::command("git").current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "--deduplicate",
        ]))
        .context("could not list the files of the project")?;
        let mut files = Vec::new();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let full = root.join(path);
            // A link or a file that was deleted but is still in the index has nothing to judge.
            if !full.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                continue;
            }
            let bytes = fs::read(&full).with_context(|| format!("could not read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File { path: path.to_owned(), text });
            }
        }
        Ok(Self { files })
    }

    /// Every text file.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// Every Rust source file.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// The files directly inside one folder whose names end in `.md`.
    pub(crate) fn pages(&self, folder: &str) -> impl Iterator<Item = &File> {
        let prefix = format!("{folder}/");
        self.files().filter(move |file| {
            file.path.strip_prefix(&prefix).is_some_and(|name| name.ends_with(".md") && !name.contains('/'))
        })
    }
}

impl File {
    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether one of the folders on the way to the file has this name.
    pub(crate) fn is_below(&self, folder: &str) -> bool {
        self.path.split('/').rev().skip(1).any(|part| part == folder)
    }
}
