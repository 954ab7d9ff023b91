//! The way from the worker to a command, through three short lives of a small program: the first leaves the worker's
//! surroundings, the second is the first process of the new ones, the third becomes the command. The worker forks only to
//! start the first, so nothing of ours runs between a fork of a program with many threads and its exec.

mod init;
mod leaf;
mod outer;
mod root;
mod tree;
mod watch;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::unistd::{dup2_stderr, dup2_stdout};

use crate::talk::{self, Report};

pub(crate) use leaf::NOBODY;

/// What the first argument of a stage is. No command line of ours begins like this.
pub(crate) const MARK: &str = "--codeflow-sandbox-stage";

/// A stage could not do its part.
enum Fault {
    /// The machine refused something that the isolation needs.
    Refused(String),
    /// There is no such program.
    NoProgram,
    /// Something else went wrong.
    Broken(String),
    /// The worker is gone, and with it whoever could be told.
    Gone,
}

impl Fault {
    fn refused<E: Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Refused(format!("{what}: {error}"))
    }

    fn broken<E: Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Broken(format!("{what}: {error}"))
    }
}

/// Does what a stage does, if this process was started to be one.
pub(crate) fn enter(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.next()? != MARK {
        return None;
    }
    let role = arguments.next().unwrap_or_default();
    Some(match role.to_str() {
        Some("leaf") => leaf::run(arguments),
        Some("init") => speak(init::run),
        Some(_) | None => speak(outer::run),
    })
}

/// The next stage: this program again, with nothing of its surroundings.
fn next(role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("codeflow-sandbox").arg(MARK).arg(role).env_clear();
    command
}

/// Where nothing that is written arrives.
fn nowhere() -> io::Result<File> {
    File::options().write(true).open("/dev/null")
}

/// Lets go of the outputs, which belong to the command from now on.
fn be_silent(nowhere: &File) -> io::Result<()> {
    dup2_stdout(nowhere)?;
    Ok(dup2_stderr(nowhere)?)
}

/// Runs a stage that talks to the worker, which is at the other end of standard input.
fn speak(stage: impl FnOnce(&mut UnixStream) -> Result<(), Fault>) -> ExitCode {
    let Ok(mut worker) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return ExitCode::from(2);
    };
    let report = match stage(&mut worker) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Fault::Refused(what)) => Report::Refused { what },
        Err(Fault::NoProgram) => Report::NoProgram,
        Err(Fault::Broken(what)) => Report::Broken { what },
        Err(Fault::Gone) => return ExitCode::FAILURE,
    };
    // If nobody listens any more, nobody misses it.
    let _ = talk::send(&mut worker, &report);
    ExitCode::FAILURE
}
