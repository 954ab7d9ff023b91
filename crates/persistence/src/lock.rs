//! The lock that keeps a second engine out of a data folder. Readers and senders do not need it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use codeflow_engine::{Error, ErrorKind};

const FILE: &str = "engine.lock";

/// The right to run the engine in a folder, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct EngineLock {
    _locked: File,
}

impl EngineLock {
    /// Takes the lock of `folder`, which must exist.
    ///
    /// # Errors
    /// [`Locked`](ErrorKind::Locked) when another engine has it,
    /// [`Unavailable`](ErrorKind::Unavailable) when the folder cannot be written.
    pub fn acquire(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE);
        let unavailable = |source: io::Error| {
            Error::with_source(ErrorKind::Unavailable, format!("could not lock `{}`", path.display()), source)
        };
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {
                sign(&mut file).map_err(unavailable)?;
                Ok(Self { _locked: file })
            }
            Err(TryLockError::WouldBlock) => Err(taken(folder, file)),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}

/// Leaves a note for whoever comes second.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn taken(folder: &Path, mut file: File) -> Error {
    let mut text = String::new();
    let read = file.read_to_string(&mut text);
    let holder = match (read, text.trim()) {
        (Ok(_), pid) if !pid.is_empty() => format!("another engine, process {pid},"),
        _ => "another engine".to_owned(),
    };
    Error::new(ErrorKind::Locked, format!("{holder} is using the folder `{}`", folder.display()))
}
