//! The lock that keeps a second engine out of a data folder. Readers and senders do not need it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use codeflow_engine::{Error, ErrorKind};
use fd_lock::{RwLock, RwLockWriteGuard};

const FILE: &str = "engine.lock";

/// The right to run the engine in a folder, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub struct EngineLock {
    _guard: RwLockWriteGuard<'static, File>,
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
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        // A guard borrows its lock. One per run of an engine lives as long as the process.
        let lock = Box::leak(Box::new(RwLock::new(open().map_err(unavailable)?)));
        match lock.try_write() {
            Ok(mut guard) => {
                sign(&mut guard).map_err(unavailable)?;
                Ok(Self { _guard: guard })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(taken(folder, open().ok())),
            Err(error) => Err(unavailable(error)),
        }
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

fn taken(folder: &Path, file: Option<File>) -> Error {
    let mut text = String::new();
    let read = file.and_then(|mut file| file.read_to_string(&mut text).ok());
    let holder = match (read, text.trim()) {
        (Some(_), pid) if !pid.is_empty() => format!("another engine, process {pid},"),
        _ => "another engine".to_owned(),
    };
    Error::new(ErrorKind::Locked, format!("{holder} is using the folder `{}`", folder.display()))
}
