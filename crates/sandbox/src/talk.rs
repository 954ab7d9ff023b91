//! What the worker and the stages of a sandbox say to each other: a length, then JSON. Not what anybody does about it.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The longest message: files and standard input travel in one.
const LONGEST: u32 = 128 << 20;

/// The longest message that a stage sends; what it says is not trusted more than that.
pub(crate) const LONGEST_REPORT: u32 = 64 << 10;

/// How far a command is kept away from everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Isolation {
    /// Users, processes, mounts, and the rest of its own.
    Full,
    /// Limits and a process that reaps; it sees the machine.
    Reduced,
}

/// The first message: what has to be known before anything is started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Boundary {
    pub(crate) isolation: Isolation,
    pub(crate) network: bool,
    /// Whether the worker says which user is meant, because it may.
    pub(crate) mapped_by_worker: bool,
}

/// The second message: the command.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) isolation: Isolation,
    pub(crate) network: bool,
    pub(crate) program: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) stdin: String,
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) limits: Limits,
    /// The size of the working folder, where it is a file system of its own.
    pub(crate) folder_bytes: u64,
    /// The working folder, where it is none.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) read_only: Vec<PathBuf>,
}

/// What one process may use.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) memory: u64,
    pub(crate) cpu_seconds: u64,
    pub(crate) processes: u64,
    pub(crate) open_files: u64,
    pub(crate) file_size: u64,
    /// The user that it becomes; nobody else's rights are left to it.
    pub(crate) become_nobody: bool,
}

/// What the worker says while a command runs, or before.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The users are named.
    Mapped,
    /// Everything is to end in good order.
    End,
}

/// What a stage says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The namespaces are made, and the users are to be named.
    Unshared,
    /// The machine refused something that is needed for the isolation.
    Refused { what: String },
    /// There is no such program.
    NoProgram,
    /// Something else went wrong.
    Broken { what: String },
    /// It ended.
    Ended(Ended),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) exit_code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) cpu_ms: u64,
    pub(crate) max_memory: u64,
    /// What all processes together had too much of, if they were ended for it.
    pub(crate) exceeded: Option<Exceeded>,
}

/// What there can be too much of.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Exceeded {
    Memory,
    Cpu,
}

/// A message as bytes.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let body = serde_json::to_vec(message)?;
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
    let mut bytes = Vec::with_capacity(body.len() + 4);
    bytes.extend(length.to_le_bytes());
    bytes.extend(body);
    Ok(bytes)
}

pub(crate) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&encode(message)?)
}

/// Reads exactly one message, so that the next one is left to whoever comes next.
pub(crate) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize];
    from.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
