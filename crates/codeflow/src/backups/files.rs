//! The files of backups: drafts that get their name when they are whole and on the disk, and what a file seems to be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// A backup that is not finished. It is removed unless it is published.
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// An empty file beside the one that is wanted, which nobody else may read.
    pub(super) fn beside(file: &Path) -> Result<Self, Error> {
        if file.symlink_metadata().is_ok() {
            let text = format!("the file `{}` exists already", file.display());
            return Err(Error::new(ErrorKind::NotEmpty, text));
        }
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let path = file.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).map_err(|error| unwritable(file, error))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, and says how large it is.
    pub(super) fn publish(self, file: &Path) -> Result<u64, Error> {
        let publish = || {
            let draft = File::open(&self.path)?;
            draft.sync_all()?;
            // Unlike a rename, a link does not take the place of a file that came in between.
            fs::hard_link(&self.path, file)?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(draft.metadata()?.len())
        };
        publish().map_err(|error| unwritable(file, error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn unwritable(file: &Path, error: io::Error) -> Error {
    let text = format!("could not write the backup `{}`", file.display());
    Error::new(ErrorKind::BackupFailed, text).with_source(error)
}

/// Checks that a file looks like a backup of the kind of database that it is for, and says how large it is.
pub(super) fn recognise(file: &Path, shared: bool) -> Result<u64, Error> {
    let name = file.display();
    let mut start = Vec::new();
    let read = File::open(file).and_then(|file| {
        (&file).take(16).read_to_end(&mut start)?;
        file.metadata()
    });
    let bytes = read.map_err(|error| {
        let text = format!("could not read the backup `{name}`");
        Error::new(ErrorKind::BadBackup, text).with_source(error)
    })?;
    let (of_file, of_server) = (start.starts_with(b"SQLite format 3\0"), start.starts_with(b"PGDMP"));
    let wrong = match (of_file, of_server, shared) {
        (true, _, false) | (_, true, true) => return Ok(bytes.len()),
        (true, _, true) => format!("`{name}` is a backup of SQLite, and the database is a PostgreSQL"),
        (_, true, false) => format!("`{name}` is a backup of PostgreSQL, and the database is an SQLite file"),
        (false, false, _) => format!("`{name}` is no backup"),
    };
    Err(Error::new(ErrorKind::BadBackup, wrong))
}
