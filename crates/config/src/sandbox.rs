//! Commands of workflows: whether they run, and what they may use.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Amount;

/// Whether commands of workflows run, where, and with how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Whether they run at all.
    pub enabled: bool,
    /// Whether they also run where the machine gives them no namespaces.
    pub reduced: bool,
    /// Whether steps may ask for the network.
    pub network: bool,
    /// Bytes in all files of a working folder.
    pub folder_size: usize,
    /// Folders that commands may read, beside the system's own.
    pub read_only: Vec<PathBuf>,
    /// A cgroup that was left to this program.
    pub cgroup: Option<PathBuf>,
    /// What a command gets that does not say.
    pub defaults: SandboxBounds,
    /// The most that a command may ask for.
    pub maxima: SandboxBounds,
}

/// What a command may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxBounds {
    /// Bytes of memory for one process, and for all of a command together.
    pub memory: usize,
    /// Time on a processor for one process, and for all of a command together.
    pub cpu: Duration,
    /// Processes at the same time.
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Bytes in one file.
    pub file_size: usize,
    /// Bytes that are kept of each output.
    pub output: usize,
}

/// See [`SandboxSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSandbox {
    /// Whether `run` steps may run commands. Off: workflows that have them are refused.
    enabled: bool,
    /// Whether commands also run where the machine gives them no namespaces. They see its files and processes then,
    /// and only steps with `network: true` run.
    reduced: bool,
    /// Whether steps may ask for the network with `network: true`. They reach what this machine reaches.
    network: bool,
    /// The size of a working folder, which is in memory.
    folder_size: Amount,
    /// Folders that commands may read, beside the system's own, such as one with tools.
    read_only: Vec<String>,
    /// A cgroup (v2) that was left to this program, with `memory` and `pids` in its `cgroup.subtree_control`.
    /// Left out: what all processes of a command use together is looked at ten times a second instead.
    #[schemars(extend("x-example" = "/sys/fs/cgroup/codeflow"))]
    cgroup: Option<String>,
    /// What a command gets that does not say.
    defaults: RawBounds,
    /// The most that a command may ask for.
    maxima: RawMaxima,
}

impl Default for RawSandbox {
    fn default() -> Self {
        Self {
            enabled: false,
            reduced: false,
            network: false,
            folder_size: Amount::text("256 MiB"),
            read_only: Vec::new(),
            cgroup: None,
            defaults: RawBounds::default(),
            maxima: RawMaxima::default(),
        }
    }
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawBounds {
    /// Memory for one process, and for all of a command together.
    memory: Amount,
    /// Time on a processor for one process, and for all of a command together.
    cpu: Amount,
    /// Processes and threads at the same time.
    processes: u32,
    /// Open files of one process.
    open_files: u32,
    /// The size of one file.
    file_size: Amount,
    /// How much is kept of standard output, and as much of standard error.
    output: Amount,
}

impl Default for RawBounds {
    fn default() -> Self {
        Self {
            memory: Amount::text("512 MiB"),
            cpu: Amount::text("1m"),
            processes: 64,
            open_files: 256,
            file_size: Amount::text("64 MiB"),
            output: Amount::text("64 KiB"),
        }
    }
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawMaxima {
    /// Memory for one process, and for all of a command together.
    memory: Amount,
    /// Time on a processor for one process, and for all of a command together.
    cpu: Amount,
    /// Processes and threads at the same time.
    processes: u32,
    /// Open files of one process.
    open_files: u32,
    /// The size of one file.
    file_size: Amount,
    /// How much is kept of standard output, and as much of standard error.
    output: Amount,
}

impl Default for RawMaxima {
    fn default() -> Self {
        Self {
            memory: Amount::text("2 GiB"),
            cpu: Amount::text("10m"),
            processes: 256,
            open_files: 1024,
            file_size: Amount::text("256 MiB"),
            output: Amount::text("1 MiB"),
        }
    }
}

impl RawSandbox {
    pub(crate) fn settle(self, checks: &mut Checks) -> SandboxSettings {
        let path = |path: String, key: &str, checks: &mut Checks| {
            let path = PathBuf::from(path);
            if !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..") {
                checks.refuse(key, "must be a path that begins with `/`, without `..`");
            }
            path
        };
        let RawMaxima { memory, cpu, processes, open_files, file_size, output } = self.maxima;
        let maxima = RawBounds { memory, cpu, processes, open_files, file_size, output };
        SandboxSettings {
            enabled: self.enabled,
            reduced: self.reduced,
            network: self.network,
            folder_size: checks.bytes("sandbox.folder_size", &self.folder_size),
            read_only: self
                .read_only
                .into_iter()
                .map(|folder| path(folder, "sandbox.read_only", checks))
                .collect(),
            cgroup: self.cgroup.map(|group| path(group, "sandbox.cgroup", checks)),
            defaults: self.defaults.settle("sandbox.defaults", checks),
            maxima: maxima.settle("sandbox.maxima", checks),
        }
    }
}

impl RawBounds {
    fn settle(self, table: &str, checks: &mut Checks) -> SandboxBounds {
        let key = |name: &str| format!("{table}.{name}");
        let mut count = |name: &str, number: u32| {
            if number == 0 {
                checks.refuse(key(name), "must be at least 1");
            }
            number
        };
        let (processes, open_files) =
            (count("processes", self.processes), count("open_files", self.open_files));
        SandboxBounds {
            memory: checks.bytes(key("memory"), &self.memory),
            cpu: checks.duration(key("cpu"), &self.cpu),
            processes,
            open_files,
            file_size: checks.bytes(key("file_size"), &self.file_size),
            output: checks.bytes(key("output"), &self.output),
        }
    }
}
