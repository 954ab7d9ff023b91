//! Backups of a database and their way back. A backup is checked before it gets its name; a restore takes effect whole
//! or not at all.

mod files;
mod postgres;
mod tools;

use std::path::Path;

use codeflow_config::{Environment, Settings};
use codeflow_persistence::{EngineLock, TableRows, copy_sqlite, overwrite_sqlite};
use secrecy::SecretString;

use crate::place::Place;
use crate::{Error, ErrorKind, Project};
use files::Draft;
use postgres::Server;

/// Backs the database up that settings name, and restores it.
pub struct Backups {
    place: Place,
    environment: Environment,
}

/// What was backed up or restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// How many rows each table has.
    pub rows: TableRows,
    /// How large the file is.
    pub bytes: u64,
}

impl Backups {
    /// Backups of the database that a folder's executions are kept in.
    ///
    /// # Errors
    /// [`NoFolder`](ErrorKind::NoFolder), [`DataFolder`](ErrorKind::DataFolder),
    /// [`DatabaseAddress`](ErrorKind::DatabaseAddress).
    pub fn of(folder: &Path, settings: &Settings, environment: Environment) -> Result<Self, Error> {
        let project = Project::around(folder)?;
        Ok(Self { place: Place::of(&settings.database, &project)?, environment })
    }

    /// Copies the database at one moment into `file`, which must not exist; engines may go on meanwhile. A backup of
    /// PostgreSQL is restored into a scratch database and compared with that moment before it gets its name.
    ///
    /// # Errors
    /// [`NotEmpty`](ErrorKind::NotEmpty) when the file exists, [`BackupFailed`](ErrorKind::BackupFailed),
    /// [`BadBackup`](ErrorKind::BadBackup) when the database is none of CodeFlow's.
    pub async fn backup(&self, file: &Path) -> Result<BackupReport, Error> {
        let draft = Draft::beside(file)?;
        let rows = match &self.place {
            Place::File(source) => {
                let (source, target) = (source.clone(), draft.path().to_owned());
                blocking(move || Ok(copy_sqlite(&source, &target)?)).await?
            }
            Place::Shared(url) => self.server(url).backup(draft.path()).await?,
        };
        let bytes = draft.publish(file)?;
        Ok(BackupReport { rows, bytes })
    }

    /// Puts a backup in the place of the database. One that is not empty is only overwritten by `force`, and one that
    /// somebody works on never is.
    ///
    /// # Errors
    /// [`BadBackup`](ErrorKind::BadBackup), [`NotEmpty`](ErrorKind::NotEmpty),
    /// [`engine::ErrorKind::Locked`](codeflow_engine::ErrorKind::Locked) inside [`Engine`](ErrorKind::Engine), and
    /// [`BackupFailed`](ErrorKind::BackupFailed). The database is as it was then.
    pub async fn restore(&self, file: &Path, force: bool) -> Result<BackupReport, Error> {
        let bytes = files::recognise(file, matches!(self.place, Place::Shared(_)))?;
        let rows = match &self.place {
            Place::File(target) => {
                let folder = self.place.folder().unwrap_or(Path::new("."));
                let _lock = EngineLock::acquire(folder)?;
                let (file, target) = (file.to_owned(), target.clone());
                blocking(move || Ok(overwrite_sqlite(&file, &target, force)?)).await?
            }
            Place::Shared(url) => self.server(url).restore(file, force).await?,
        };
        Ok(BackupReport { rows, bytes })
    }

    fn server<'s>(&'s self, url: &'s SecretString) -> Server<'s> {
        Server { url, environment: &self.environment }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    let broken = |error| Error::new(ErrorKind::BackupFailed, "the copy broke down").with_source(error);
    Ok(done.map_err(broken)??)
}

/// What storage says about a backup.
struct Failed(codeflow_engine::Error);

impl From<codeflow_engine::Error> for Failed {
    fn from(error: codeflow_engine::Error) -> Self {
        Self(error)
    }
}

impl From<Failed> for Error {
    fn from(Failed(error): Failed) -> Self {
        use codeflow_engine::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::Corrupt => ErrorKind::BadBackup,
            Kind::Conflict => ErrorKind::NotEmpty,
            Kind::Unavailable | Kind::Internal | Kind::NotFound => ErrorKind::BackupFailed,
            Kind::Locked | Kind::Forbidden | Kind::InvalidInput | Kind::LeaseLost => return error.into(),
        };
        Self::from(error).with_kind(kind)
    }
}
