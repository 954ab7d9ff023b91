//! What commands may use: what one gets that does not say, and the most that one may ask for.

use std::time::Duration;

use codeflow_actions::{CommandError, CommandErrorKind, CommandLimits};

/// An amount of everything that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of memory that one process may map, and that all together may have.
    pub memory: u64,
    /// Time on a processor for one process, and for all together.
    pub cpu: Duration,
    /// Processes and threads at the same time.
    pub processes: u32,
    /// Files that one process has open.
    pub open_files: u32,
    /// Bytes in one file.
    pub file_size: u64,
    /// Bytes that are kept of standard output, and as many of standard error.
    pub output: u64,
}

impl Bounds {
    /// Less is of no use to any program.
    const LEAST_MEMORY: u64 = 32 << 20;

    /// What a command gets that asks for `asked`, if it may have that.
    pub(crate) fn granted(&self, asked: &CommandLimits, most: &Self) -> Result<Self, CommandError> {
        let granted = Self {
            memory: pick("memory", asked.memory, self.memory, most.memory)?,
            cpu: pick("cpu", asked.cpu, self.cpu, most.cpu)?,
            processes: pick("processes", asked.processes, self.processes, most.processes)?,
            open_files: pick("open_files", asked.open_files, self.open_files, most.open_files)?,
            file_size: pick("file_size", asked.file_size, self.file_size, most.file_size)?,
            output: pick("output", asked.output, self.output, most.output)?,
        };
        if granted.memory < Self::LEAST_MEMORY {
            let text = "`memory` must be at least 32 MiB";
            return Err(CommandError::new(CommandErrorKind::Invalid, text));
        }
        Ok(granted)
    }
}

fn pick<T: PartialOrd + std::fmt::Debug>(
    name: &str,
    asked: Option<T>,
    usual: T,
    most: T,
) -> Result<T, CommandError> {
    match asked {
        Some(asked) if asked > most => {
            let text = format!("`{name}` is {asked:?}; settings allow {most:?} at most");
            Err(CommandError::new(CommandErrorKind::TooMuch, text))
        }
        Some(asked) => Ok(asked),
        None if usual > most => Ok(most),
        None => Ok(usual),
    }
}
