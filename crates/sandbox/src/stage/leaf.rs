//! The last stage: it takes the limits upon itself, gives up every privilege, and becomes the command.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities};

use crate::talk::Limits;

/// Who owns nothing.
pub(crate) const NOBODY: u32 = 65_534;

/// What a shell says, too, when a program is there and cannot be run.
const CANNOT_RUN: u8 = 126;

pub(super) fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let limits = arguments.next().and_then(|limits| serde_json::from_str(limits.to_str()?).ok());
    let count = arguments.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or_default();
    let variables: Vec<OsString> = arguments.by_ref().take(count).collect();
    let (Some(limits), Some(program)) = (limits, arguments.next()) else { return ExitCode::from(CANNOT_RUN) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(variables.iter().filter_map(|variable| split(variable)));
    let cause = match restrict(&limits) {
        Ok(()) => command.exec(),
        Err(cause) => cause,
    };
    let _ = writeln!(io::stderr(), "the program cannot be run: {cause}");
    ExitCode::from(CANNOT_RUN)
}

fn split(variable: &OsStr) -> Option<(&OsStr, &OsStr)> {
    let bytes = variable.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    Some((OsStr::from_bytes(&bytes[..at]), OsStr::from_bytes(&bytes[at + 1..])))
}

/// Privileges first, because they lift limits; memory last, because what is left to do needs some.
fn restrict(limits: &Limits) -> io::Result<()> {
    if limits.become_nobody {
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        setgroups(&[])?;
        drop_capabilities_for_good();
        setresgid(group, group, group)?;
        setresuid(user, user, user)?;
    } else {
        drop_capabilities_for_good();
    }
    let nothing = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing })?;
    set_no_new_privs()?;
    both(Resource::RLIMIT_CORE, 0)?;
    // A second after the signal that can be caught comes the one that cannot.
    limit(Resource::RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds.saturating_add(1))?;
    both(Resource::RLIMIT_NOFILE, limits.open_files)?;
    both(Resource::RLIMIT_FSIZE, limits.file_size)?;
    both(Resource::RLIMIT_MEMLOCK, 0)?;
    both(Resource::RLIMIT_MSGQUEUE, 0)?;
    both(Resource::RLIMIT_NPROC, limits.processes)?;
    both(Resource::RLIMIT_AS, limits.memory)?;
    Ok(())
}

fn both(resource: Resource, most: u64) -> io::Result<()> {
    limit(resource, most, most)
}

/// Sets a limit, and never a higher one than there is already.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let (_, most) = getrlimit(resource)?;
    Ok(setrlimit(resource, soft.min(most), hard.min(most))?)
}

/// No program brings a capability back, whoever owns it. Whoever has none to begin with may not even do this, and needs not.
fn drop_capabilities_for_good() {
    for capability in CapabilitySet::all().iter() {
        let _ = remove_capability_from_bounding_set(capability);
    }
}
