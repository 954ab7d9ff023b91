//! `cargo xtask fuzz`: every fuzz target for a while, under cargo-fuzz on a nightly toolchain. It begins with the
//! recorded exchanges and the committed corpus; what it finds on top stays below `target`, out of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{process, tools};

/// The targets are a package of their own outside the workspace.
const FOLDER: &str = "fuzz";
/// Longer inputs cost time and find nothing that shorter ones do not.
const LONGEST_INPUT: u32 = 8192;

/// Runs one target or all of them, each for this many seconds.
pub(crate) fn run(root: &Path, chosen: Option<&str>, seconds: u32) -> Result<()> {
    let targets = chosen_of(targets(root)?, chosen)?;
    nightly_works()?;
    tools::FUZZ.ensure()?;
    let work = root.join("target/fuzz");
    prepare(root, &work)?;
    build(root)?;
    let mut failed = Vec::new();
    for target in &targets {
        match fuzz(root, &work, target, seconds) {
            Ok(()) => println!("{target}: {seconds} seconds without a failure"),
            Err(error) => {
                println!("{target}: {error:#}");
                println!("{}", advice(target));
                failed.push(target.as_str());
            }
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("failed: {}", failed.join(", ")),
    }
}

/// Every target, by the file that starts it.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER).join("fuzz_targets");
    let listing = fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in listing {
        let path = entry?.path();
        names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn chosen_of(all: Vec<String>, chosen: Option<&str>) -> Result<Vec<String>> {
    match chosen {
        None => Ok(all),
        Some(name) if all.iter().any(|target| target == name) => Ok(vec![name.to_owned()]),
        Some(name) => bail!("there is no target `{name}`; the targets are {}", all.join(", ")),
    }
}

/// A command of the nightly toolchain, whatever toolchain runs this.
fn nightly(command: &str) -> Command {
    let mut rustup = process::command("rustup");
    rustup.args(["run", "nightly", "cargo", command]).env_remove("RUSTC").env_remove("RUSTDOC");
    rustup
}

fn nightly_works() -> Result<()> {
    process::output(nightly("version").arg("--quiet")).map(drop).context(
        "fuzzing needs a nightly toolchain: `rustup toolchain install nightly --profile minimal`, \
         which has to be online once",
    )
}

/// Lays out what a fuzzer begins with, and the versions of everything: those of the product.
fn prepare(root: &Path, work: &Path) -> Result<()> {
    fs::copy(root.join("Cargo.lock"), root.join(FOLDER).join("Cargo.lock"))
        .context("could not copy the lock file")?;
    let seeds = work.join("recorded");
    fs::create_dir_all(&seeds)?;
    process::run(process::cargo().args(["run", "--quiet", "--package", "codeflow-fuzzing", "--"]).arg(seeds))
}

fn build(root: &Path) -> Result<()> {
    process::run(nightly("fuzz").arg("build").current_dir(root)).context(
        "the targets could not be built; packages that no build has fetched before need a network, once",
    )
}

fn fuzz(root: &Path, work: &Path, target: &str, seconds: u32) -> Result<()> {
    // The first folder is the one that grows.
    let grown = work.join("grown").join(target);
    fs::create_dir_all(&grown)?;
    let mut command = nightly("fuzz");
    command.current_dir(root).args(["run", target]).arg(grown);
    command.args(beginnings(work, target)).arg("--");
    command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={LONGEST_INPUT}"));
    process::run(command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"]))
}

fn beginnings(work: &Path, target: &str) -> [PathBuf; 2] {
    [work.join("recorded").join(target), Path::new(FOLDER).join("corpus").join(target)]
}

/// What to do with a failure.
fn advice(target: &str) -> String {
    format!(
        "the input is in {FOLDER}/artifacts/{target}/. Run it again with\n    \
         cargo +nightly fuzz run {target} {FOLDER}/artifacts/{target}/NAME\n\
         make it small with\n    \
         cargo +nightly fuzz tmin {target} {FOLDER}/artifacts/{target}/NAME\n\
         and keep it in {FOLDER}/corpus/{target}/, where the tests on stable find it: mend what they show."
    )
}
