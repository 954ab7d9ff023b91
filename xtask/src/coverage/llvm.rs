//! LLVM's tools for counts, of the version that rustc was built with.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{process, programs};

/// The two programs that read counts.
pub(super) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// The toolchain's own tools, else those of Debian, installed if need be.
    pub(super) fn find() -> Result<Self> {
        let libraries = process::output(process::command("rustc").args(["--print", "target-libdir"]))?;
        let own = Path::new(libraries.trim()).parent().map(|folder| folder.join("bin"));
        let version = version()?;
        let debian = PathBuf::from(format!("/usr/lib/llvm-{version}/bin"));
        let candidates = [own, Some(debian.clone())];
        if let Some(folder) = candidates.into_iter().flatten().find(|folder| is_complete(folder)) {
            return Ok(Self { folder });
        }
        let otherwise = "coverage needs LLVM's tools: `rustup component add llvm-tools`";
        programs::install(&[&format!("llvm-{version}")], otherwise)?;
        Ok(Self { folder: debian })
    }

    /// Merges what the processes recorded.
    pub(super) fn merge(&self, recorded: &[PathBuf], merged: &Path) -> Result<()> {
        let mut command = process::command(&self.program("llvm-profdata"));
        command.args(["merge", "-sparse", "-o"]).arg(merged).args(recorded);
        process::output(&mut command).map(drop).context("could not merge the counts")
    }

    /// The counts of every source file, as JSON.
    pub(super) fn export(&self, counts: &Path, objects: &[PathBuf]) -> Result<String> {
        let mut command = process::command(&self.program("llvm-cov"));
        command.args(["export", "-format=text", "-summary-only", "-instr-profile"]).arg(counts);
        for object in objects {
            command.arg("-object").arg(object);
        }
        process::output(&mut command).context("could not report the counts")
    }

    fn program(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

fn is_complete(folder: &Path) -> bool {
    ["llvm-profdata", "llvm-cov"].iter().all(|program| folder.join(program).is_file())
}

/// The major version of the LLVM inside rustc; the format of the counts changes with it.
fn version() -> Result<String> {
    let about = process::output(process::command("rustc").arg("-vV"))?;
    let version = about.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major = version.and_then(|version| version.split('.').next());
    major.map(str::to_owned).context("rustc does not say which LLVM it uses")
}
