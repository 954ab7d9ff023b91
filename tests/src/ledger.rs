//! A file in which actions note that they ran, so that a test can see what ran twice, across processes.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

/// The ledger of one execution.
#[derive(Clone, Debug)]
pub struct Ledger(PathBuf);

impl Ledger {
    /// A ledger in this file, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.0
    }

    /// Notes that an action began. The line is whole or not there, even when the process is killed.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn note(&self, what: &str) {
        let mut file =
            OpenOptions::new().create(true).append(true).open(&self.0).expect("a ledger can be opened");
        file.write_all(format!("{what}\n").as_bytes()).expect("a ledger can be written");
    }

    /// Everything that was noted, in order.
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
