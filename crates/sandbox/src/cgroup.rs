//! A group of processes with limits of its own (cgroup v2), for each command, in a group that was left to us. It counts
//! what a whole tree uses, which limits of single processes cannot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Bounds;

/// What the group that was left to us must be able to limit.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// A group; it is removed when it is dropped, and whatever is in it is ended before.
pub(crate) struct Cgroup(PathBuf);

impl Cgroup {
    /// Whether groups with limits can be made in `parent`; else, what is in the way.
    pub(crate) fn check(parent: &Path) -> io::Result<()> {
        let enabled = fs::read_to_string(parent.join("cgroup.subtree_control"))?;
        let enabled: Vec<&str> = enabled.split_whitespace().collect();
        match CONTROLLERS.iter().find(|wanted| !enabled.contains(wanted)) {
            None => Ok(()),
            Some(missing) => {
                Err(io::Error::other(format!("`{missing}` is not in its `cgroup.subtree_control`")))
            }
        }
    }

    pub(crate) fn create(parent: &Path, name: &str, bounds: &Bounds) -> io::Result<Self> {
        Self::check(parent)?;
        let path = parent.join(name);
        // One of that name was left by a worker that died; nobody is in it, or it stays.
        let _ = fs::remove_dir(&path);
        fs::create_dir(&path)?;
        let group = Self(path);
        group.write("memory.max", &bounds.memory.to_string())?;
        // Where nothing is swapped there is nothing to forbid.
        let _ = group.write("memory.swap.max", "0");
        let _ = group.write("memory.oom.group", "1");
        // Two more, which are ours, and one that is on its way out.
        group.write("pids.max", &(u64::from(bounds.processes) + 3).to_string())?;
        // One processor; it may not be ours to limit.
        let _ = group.write("cpu.max", "100000 100000");
        Ok(group)
    }

    /// Takes a process in, and with it whatever it will start.
    pub(crate) fn add(&self, process: u32) -> io::Result<()> {
        self.write("cgroup.procs", &process.to_string())
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.0.join(file), text)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.write("cgroup.kill", "1");
        // Processes leave some moments after they were ended.
        for _ in 0..200 {
            match fs::remove_dir(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                Ok(()) | Err(_) => return,
            }
        }
    }
}
