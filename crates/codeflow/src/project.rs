//! Where a checkout is, and where its executions are kept.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Error, ErrorKind};

/// The folder beside the code in which executions are kept.
const DATA: &str = ".codeflow";

/// A folder whose executions belong together: a repository, or any other folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    root: PathBuf,
    is_repository: bool,
}

impl Project {
    /// Finds the repository around `folder`, bare or not. Outside of one, the folder itself is the project.
    ///
    /// # Errors
    /// [`NoFolder`](ErrorKind::NoFolder).
    pub fn around(folder: &Path) -> Result<Self, Error> {
        let folder = folder.canonicalize().ok().filter(|folder| folder.is_dir()).ok_or_else(|| {
            Error::new(ErrorKind::NoFolder, format!("there is no folder `{}`", folder.display()))
        })?;
        let root = folder.ancestors().find(|folder| is_repository(folder)).map(Path::to_owned);
        Ok(match root {
            Some(root) => Self { root, is_repository: true },
            None => Self { root: folder, is_repository: false },
        })
    }

    /// The root of the repository, or the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether there is a git repository.
    pub fn is_repository(&self) -> bool {
        self.is_repository
    }

    /// Where its executions are kept, whether or not anything is there yet.
    pub fn data_folder(&self) -> PathBuf {
        self.root.join(DATA)
    }

    /// Makes the data folder, with a note that tells git to overlook it.
    pub(crate) fn make_data_folder(&self) -> Result<PathBuf, Error> {
        let folder = self.data_folder();
        let ignore = folder.join(".gitignore");
        let make = || {
            fs::create_dir_all(&folder)?;
            if ignore.exists() { Ok(()) } else { fs::write(&ignore, "*\n") }
        };
        make().map_err(|source| {
            let context = format!("could not make the folder `{}`", folder.display());
            Error::new(ErrorKind::DataFolder, context).with_source(source)
        })?;
        Ok(folder)
    }
}

/// A working tree has `.git`, a folder or (in a worktree or submodule) a file; a bare repository looks
/// like such a folder.
fn is_repository(folder: &Path) -> bool {
    let is_bare =
        || folder.join("HEAD").is_file() && folder.join("objects").is_dir() && folder.join("refs").is_dir();
    folder.join(".git").exists() || is_bare()
}
