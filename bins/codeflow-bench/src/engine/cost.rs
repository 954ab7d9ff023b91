//! What a stretch of work costs: time, processor time of this process and of the server, and write-ahead log.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::place::Place;
use super::profile;
use super::times::rounded;

/// The clock ticks in a second, in which `/proc/<pid>/stat` counts.
const TICKS: f64 = 100.0;

/// A stretch that has begun.
pub(super) struct Meter<'a> {
    place: &'a Place,
    client: Duration,
    server: Option<f64>,
    machine: Option<f64>,
    wal: Option<i64>,
    began: Instant,
}

/// What it came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    seconds: f64,
    client: f64,
    server: Option<f64>,
    machine: Option<f64>,
    wal: Option<i64>,
}

impl<'a> Meter<'a> {
    pub(super) async fn start(place: &'a Place) -> Result<Self> {
        let wal = place.wal().await?;
        if let Some(client) = place.profiled() {
            profile::reset(client).await?;
        }
        let machine = machine_seconds();
        let server = place.postmaster().and_then(server_seconds);
        Ok(Self { place, client: own_time(), server, machine, wal, began: Instant::now() })
    }

    pub(super) async fn stop(self) -> Result<Cost> {
        let seconds = self.began.elapsed().as_secs_f64();
        let client = (own_time() - self.client).as_secs_f64();
        let server = self.place.postmaster().and_then(server_seconds);
        let server = server.zip(self.server).map(|(now, then)| now - then);
        let machine = machine_seconds().zip(self.machine).map(|(now, then)| now - then);
        let wal = self.place.wal().await?.zip(self.wal).map(|(now, then)| now - then);
        if let Some(client) = self.place.profiled() {
            profile::report(client).await?;
        }
        Ok(Cost { seconds, client, server, machine, wal })
    }
}

impl Cost {
    pub(super) fn per_second(self, jobs: u64) -> f64 {
        jobs as f64 / self.seconds
    }

    /// Processor time of a job in microseconds; that of the server is in it only where it can be seen.
    pub(super) fn cpu_us(self, jobs: u64) -> f64 {
        (self.client + self.server.unwrap_or(0.0)) * 1e6 / jobs as f64
    }

    /// The fields of a line.
    pub(super) fn fields(self, jobs: u64) -> Value {
        let us = |seconds: f64| rounded(seconds * 1e6 / jobs as f64);
        json!({
            "jobs": jobs,
            "seconds": rounded(self.seconds),
            "jobs_per_s": rounded(self.per_second(jobs)),
            "cpu_us_per_job": self.server.map(|_| rounded(self.cpu_us(jobs))),
            "client_cpu_us_per_job": us(self.client),
            "server_cpu_us_per_job": self.server.map(us),
            "cores_used": rounded((self.client + self.server.unwrap_or(0.0)) / self.seconds),
            "other_cores_used": self.machine.zip(self.server).map(|(machine, server)| {
                rounded((machine - server - self.client).max(0.0) / self.seconds)
            }),
            "wal_bytes_per_job": self.wal.map(|bytes| rounded(bytes as f64 / jobs as f64)),
        })
    }
}

/// The processor time of this process, all threads together, also those that have ended.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The processor time that the machine has spent on anything at all.
fn machine_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> = text.lines().next()?.split_whitespace().skip(1).flat_map(str::parse).collect();
    // Not counted: being idle, the fourth and fifth, and the last two, which the first two have in them.
    let busy = [0, 1, 2, 5, 6, 7].into_iter().filter_map(|place| fields.get(place)).sum::<u64>();
    Some(busy as f64 / TICKS)
}

/// The processor time of a server: its first process, the children that live, and those that ended.
fn server_seconds(postmaster: u32) -> Option<f64> {
    let (_, own, ended) = stat(postmaster)?;
    let mut ticks = own + ended;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some((parent, own, ended)) = stat(id)
            && parent == postmaster
        {
            ticks += own + ended;
        }
    }
    Some(ticks as f64 / TICKS)
}

/// The parent of a process, its ticks, and those of its children that ended.
fn stat(id: u32) -> Option<(u32, u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name comes in brackets and may hold anything, also brackets.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((fields.get(1)?.parse().ok()?, number(11)? + number(12)?, number(13)? + number(14)?))
}

/// The parent of a process.
pub(super) fn parent(id: u32) -> Option<u32> {
    stat(id).map(|(parent, _, _)| parent)
}

/// Whether this process has a program of this name.
pub(super) fn is_named(id: u32, names: &[&str]) -> bool {
    let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    names.contains(&name.trim())
}

/// The most memory that this process has had, and what it has now, in megabytes.
pub(super) fn memory() -> Option<(f64, f64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(rounded(kilobytes * 1024.0 / 1e6))
    };
    field("VmHWM:").zip(field("VmRSS:"))
}
