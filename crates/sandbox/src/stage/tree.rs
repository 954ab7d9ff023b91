//! The processes below this one: all of them, also those that left its session. They are ended here and nowhere else.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

/// How often what is left is looked for, where it has to be looked for.
const ROUNDS: u32 = 2_000;

/// Sends a signal to every process below this one.
pub(super) fn signal(signal: Signal) {
    if is_first() {
        // Everybody but this process: nobody else is in this namespace.
        let _ = kill(Pid::from_raw(-1), signal);
    } else {
        for process in below(getpid().as_raw()) {
            let _ = kill(Pid::from_raw(process), signal);
        }
    }
}

/// Ends every process below this one, and waits until it is gone.
pub(super) fn end() {
    if is_first() {
        signal(Signal::SIGKILL);
        while waitpid(None, None) != Err(Errno::ECHILD) {}
        return;
    }
    for _ in 0..ROUNDS {
        signal(Signal::SIGKILL);
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Err(Errno::ECHILD) => return,
                Ok(nix::sys::wait::WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        sleep(Duration::from_millis(1));
    }
}

/// Every other process of a namespace whose first one this is.
pub(super) fn everybody() -> Vec<i32> {
    processes().into_iter().filter(|process| *process != 1).collect()
}

/// Whether this process is the first of its namespace, so that the namespace ends with it.
fn is_first() -> bool {
    getpid().as_raw() == 1
}

/// The processes whose parents lead back to `top`.
fn below(top: i32) -> Vec<i32> {
    let parents: Vec<(i32, i32)> = processes().into_iter().filter_map(|it| Some((it, parent(it)?))).collect();
    let mut found = vec![top];
    let mut next = 0;
    while let Some(current) = found.get(next).copied() {
        found.extend(parents.iter().filter(|(_, parent)| *parent == current).map(|(process, _)| *process));
        next += 1;
    }
    found.split_off(1)
}

fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The name of a program may hold anything, also brackets and blanks, so what comes after it is read from behind.
fn parent(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
