//! The first stage: it leaves everything that the worker has behind and makes the namespaces. It starts nothing but the
//! first process in them, and ends when that one ends.

use std::fs;
use std::os::unix::net::UnixStream;

use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chdir, close, getegid, geteuid, setgroups, setresgid, setresuid, setsid};

use super::{Fault, be_silent, init, next, nowhere};
use crate::talk::{self, Boundary, Isolation, Order, Report};

pub(super) fn run(worker: &mut UnixStream) -> Result<(), Fault> {
    leave_behind(worker)?;
    let boundary: Boundary = talk::receive(worker).map_err(|_| Fault::Gone)?;
    if boundary.isolation == Isolation::Reduced {
        return init::run(worker);
    }
    let (user, group) = (geteuid(), getegid());
    unshare(namespaces(&boundary)).map_err(Fault::refused("namespaces"))?;
    if boundary.mapped_by_worker {
        talk::send(worker, &Report::Unshared).map_err(|_| Fault::Gone)?;
        match talk::receive(worker).map_err(|_| Fault::Gone)? {
            Order::Mapped => {}
            Order::End => return Err(Fault::Gone),
        }
        setgroups(&[]).map_err(Fault::refused("groups"))?;
    } else {
        let write = |file: &str, line: String| fs::write(format!("/proc/self/{file}"), line);
        write("setgroups", "deny".to_owned()).map_err(Fault::refused("setgroups"))?;
        write("uid_map", format!("0 {user} 1")).map_err(Fault::refused("uid_map"))?;
        write("gid_map", format!("0 {group} 1")).map_err(Fault::refused("gid_map"))?;
    }
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).map_err(Fault::refused("the group"))?;
    setresuid(user, user, user).map_err(Fault::refused("the user"))?;
    // Opened now, because the first process changes the root of this one, too.
    let nowhere = nowhere().map_err(Fault::broken("silence"))?;
    // The first process that is started now is the first one of the new surroundings; it talks to the worker itself.
    let mut first = next("init").spawn().map_err(Fault::refused("the first process"))?;
    be_silent(&nowhere).map_err(Fault::broken("silence"))?;
    first.wait().map(drop).map_err(Fault::broken("waiting"))
}

fn namespaces(boundary: &Boundary) -> CloneFlags {
    let always = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if boundary.network { always } else { always | CloneFlags::CLONE_NEWNET }
}

/// Lets go of whatever was inherited: open files, the session with its terminal, the working folder.
fn leave_behind(worker: &UnixStream) -> Result<(), Fault> {
    use std::os::fd::AsRawFd;

    let open = fs::read_dir("/proc/self/fd").map_err(Fault::refused("the list of open files"))?;
    let open: Vec<i32> = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    for file in open.into_iter().filter(|file| *file > 2 && *file != worker.as_raw_fd()) {
        // The one that listed them is among them, and is closed already.
        let _ = close(file);
    }
    // It leads a session already when it leads one: then there is nothing to leave.
    let _ = setsid();
    umask(Mode::from_bits_truncate(0o077));
    chdir("/").map_err(Fault::broken("the root folder"))
}
