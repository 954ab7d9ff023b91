//! Processes that are pinned to a core, measured from outside, and ended with their parent.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process of ours.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a command on one core.
    pub(crate) fn start(core: usize, command: &mut Command) -> Result<Self> {
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &core.to_string()]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                pinned.env(name, value);
            }
        }
        let child = pinned.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("could not start")?;
        Ok(Self { child })
    }

    /// The first line that it prints.
    pub(crate) fn first_line(&mut self) -> Result<String> {
        let out = self.child.stdout.take().context("its output is read already")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.trim().is_empty() {
            bail!("it printed nothing");
        }
        Ok(line.trim().to_owned())
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processor time of it and of its children that are alive.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut ticks = ticks_of(self.id())?;
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.id())).unwrap_or_default();
        for child in children.split_whitespace() {
            ticks += ticks_of(child.parse()?)?;
        }
        Ok(ticks)
    }

    /// The memory that it has now, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        read_status(self.id(), "VmRSS:")
    }

    /// The most memory that it, or one of its children, has had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let mut peak = peak_of(self.id())?;
        let children =
            fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.id())).unwrap_or_default();
        for child in children.split_whitespace() {
            peak = peak.max(peak_of(child.parse()?)?);
        }
        Ok(peak)
    }
}

impl Drop for Process {
    /// Asks it to end, so that it takes its children along, and ends it if it does not.
    fn drop(&mut self) {
        rustix::process::kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The processor time of a process, all threads together, to the nanosecond.
fn ticks_of(id: u32) -> Result<Duration> {
    let mut total = 0_u64;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let schedstat = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        total += schedstat.split_whitespace().next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(Duration::from_nanos(total))
}

fn peak_of(id: u32) -> Result<u64> {
    read_status(id, "VmHWM:")
}

fn read_status(id: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such figure of memory")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024)
}
