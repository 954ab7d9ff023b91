//! Keeps the build folder that all clones share from growing without end: what our own crates compiled to, in clones
//! that nobody has built for days, goes. Third-party crates stay.

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

/// What was not written for this long is taken for abandoned.
const ABANDONED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The folders in which Cargo keeps an entry for each crate, in each profile.
const FOLDERS: [&str; 5] = [".fingerprint", "build", "deps", "examples", "incremental"];

/// Sweeps the build folder of the workspace in `root`; returns how many entries went.
pub(crate) fn abandoned(root: &Path) -> Result<u64> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("could not read the workspace with cargo metadata")?;
    let Some(folder) = metadata.build_directory else { return Ok(0) };
    let targets = metadata.packages.iter().flat_map(|package| {
        package.targets.iter().map(|target| target.name.clone()).chain([package.name.to_string()])
    });
    let names = targets.flat_map(|name| [name.replace('-', "_"), name]).collect();
    sweep(folder.as_std_path(), &names, now())
}

/// Removes entries of these crates that were last written long before `now`.
///
/// # Errors
/// When something cannot be read or removed.
pub fn sweep(build: &Path, names: &BTreeSet<String>, now: SystemTime) -> Result<u64> {
    let mut removed = 0;
    for profile in children(build)? {
        for folder in FOLDERS {
            for entry in children(&profile.path().join(folder))? {
                let name = entry.file_name();
                let ours = name.to_str().and_then(crate_of).is_some_and(|name| names.contains(name));
                let written = entry.metadata()?.modified()?;
                if ours && now.duration_since(written).is_ok_and(|age| age > ABANDONED) {
                    remove(&entry.path())?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

/// The crate that an entry belongs to: `codeflow_core` for `libcodeflow_core-0123456789abcdef.rlib`.
fn crate_of(entry: &str) -> Option<&str> {
    let stem = entry.split('.').next()?;
    let (name, hash) = stem.rsplit_once('-')?;
    let hashed = hash.len() >= 13 && hash.bytes().all(|byte| byte.is_ascii_alphanumeric());
    hashed.then(|| name.strip_prefix("lib").unwrap_or(name))
}

fn children(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.collect::<io::Result<_>>()?),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error).with_context(|| format!("could not look into {}", folder.display())),
    }
}

/// Another run may have been faster.
fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the age of a file is counted from the system's time")]
fn now() -> SystemTime {
    SystemTime::now()
}
