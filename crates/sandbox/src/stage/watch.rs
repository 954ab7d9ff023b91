//! What all processes of a command use together, which limits of single processes cannot bound. It is looked at several
//! times a second; what happens in between is bounded by those limits only.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use super::tree;
use crate::talk::{Exceeded, Limits};

/// How often it is looked at, in milliseconds.
pub(super) const PAUSE: u8 = 100;

/// What is measured in, in the kernel's accounts of processes, on every architecture that we know.
const TICKS_PER_SECOND: u64 = 100;

/// Remembers when it was looked at last.
pub(super) struct Watch {
    looked: Instant,
}

impl Watch {
    pub(super) fn begin() -> Self {
        Self { looked: Instant::now() }
    }

    /// What was used up, if it is time to look and something was.
    pub(super) fn look(&mut self, limits: &Limits) -> Option<Exceeded> {
        if self.looked.elapsed() < Duration::from_millis(PAUSE.into()) {
            return None;
        }
        self.looked = Instant::now();
        let processes = tree::everybody();
        let cpu_ms = ended_ms() + processes.iter().filter_map(|it| running_ms(*it)).sum::<u64>();
        if cpu_ms > limits.cpu_seconds.saturating_mul(1_000) {
            return Some(Exceeded::Cpu);
        }
        let memory: u64 = processes.iter().filter_map(|it| share_of_memory(*it)).sum();
        (memory > limits.memory).then_some(Exceeded::Memory)
    }
}

/// Time on a processor of those that ended.
pub(super) fn ended_ms() -> u64 {
    let ms =
        |time: TimeVal| u64::try_from(time.tv_sec() * 1_000 + time.tv_usec() / 1_000).unwrap_or_default();
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0, |used| ms(used.user_time()) + ms(used.system_time()))
}

/// Time on a processor of one that runs.
fn running_ms(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything, so counting begins behind it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 1_000 / TICKS_PER_SECOND)
}

/// Memory of one that runs; what it shares with others is counted in parts, so that the sum is right.
fn share_of_memory(process: i32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
