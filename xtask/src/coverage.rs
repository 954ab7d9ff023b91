//! `cargo xtask coverage`: which lines the tests reach, crate by crate, and whether that is enough.
//!
//! Only our own crates are compiled with counters, by a compiler wrapper; third-party crates are those of every
//! other build. LLVM's tools turn the counts into a report, and [`gates`] judges it.

mod gates;
mod llvm;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
pub use gates::{Coverage, judge_coverage};

/// A run of tests that counts what it reaches.
pub(crate) struct Measurement {
    root: PathBuf,
    folder: PathBuf,
    tools: llvm::Tools,
}

impl Measurement {
    /// Finds the tools, before anything takes time, and forgets earlier counts.
    pub(crate) fn begin(root: &Path) -> Result<Self> {
        let folder = root.join("target/coverage");
        let measurement = Self { root: root.to_owned(), folder, tools: llvm::Tools::find()? };
        let profiles = measurement.profiles();
        if profiles.exists() {
            fs::remove_dir_all(&profiles).context("could not remove earlier counts")?;
        }
        fs::create_dir_all(&profiles).context("could not make a folder for the counts")?;
        Ok(measurement)
    }

    /// Makes a cargo command compile with counters, and what it runs leave its counts in our folder.
    pub(crate) fn instrument<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("RUSTC_WORKSPACE_WRAPPER", self.root.join(".cargo/rustc-coverage"))
            .env("CARGO_TARGET_DIR", &self.folder)
            // Faster from a fresh clone, and gigabytes smaller.
            .env("CARGO_INCREMENTAL", "0")
            // Processes of one program share a few files, into which they merge their counts.
            .env("LLVM_PROFILE_FILE", self.profiles().join("%4m.profraw"))
    }

    /// Reports the counts; `list` is the command that names the binaries that ran.
    pub(crate) fn finish(&self, list: &mut Command) -> Result<Coverage> {
        let listing = process::output(self.instrument(list)).context("could not list the test binaries")?;
        let listing: Listing = serde_json::from_str(&listing).context("nextest's list is not understood")?;
        let counts = self.folder.join("merged.profdata");
        self.tools.merge(&self.recorded()?, &counts)?;
        let export = self.tools.export(&counts, &listing.objects())?;
        let gates =
            fs::read_to_string(self.root.join("coverage.toml")).context("could not read coverage.toml")?;
        judge_coverage(&gates, &export, &self.root)
    }

    fn profiles(&self) -> PathBuf {
        self.folder.join("profiles")
    }

    fn recorded(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in self.profiles().read_dir()? {
            files.push(entry?.path());
        }
        if files.is_empty() {
            bail!("no test left any counts");
        }
        Ok(files)
    }
}

/// The part of `cargo nextest list` that says where the binaries are.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Listing {
    rust_build_meta: BuildMeta,
    rust_binaries: BTreeMap<String, TestBinary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildMeta {
    target_directory: PathBuf,
    non_test_binaries: BTreeMap<String, Vec<OtherBinary>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TestBinary {
    binary_path: PathBuf,
}

#[derive(Deserialize)]
struct OtherBinary {
    path: PathBuf,
}

impl Listing {
    /// Everything that ran: test binaries, and programs of ours that tests start.
    fn objects(&self) -> Vec<PathBuf> {
        let tests = self.rust_binaries.values().map(|binary| binary.binary_path.clone());
        let others = self.rust_build_meta.non_test_binaries.values().flatten();
        let others = others.map(|binary| self.rust_build_meta.target_directory.join(&binary.path));
        tests.chain(others).collect()
    }
}
