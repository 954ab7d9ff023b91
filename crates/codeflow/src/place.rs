//! Which database the settings mean, and the folder whose lock says who runs the engine on it.

use std::path::{Path, PathBuf};

use codeflow_config as config;
use codeflow_persistence::DatabaseSettings;
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, ErrorKind, Project};

const FILE: &str = "codeflow.db";

/// Where executions are kept.
pub(crate) enum Place {
    /// In a database that many engines may share.
    Shared(SecretString),
    /// In a file that one engine at a time works on.
    File(PathBuf),
}

impl Place {
    pub(crate) fn of(settings: &config::DatabaseSettings, project: &Project) -> Result<Self, Error> {
        let Some(url) = &settings.url else {
            return Ok(Self::File(project.make_data_folder()?.join(FILE)));
        };
        let text = url.expose_secret();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Shared(url.clone()));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.contains("://") || path.is_empty() || path == ":memory:" {
            let context = "the database must be `postgres://…` or the path of an SQLite file";
            return Err(Error::new(ErrorKind::DatabaseAddress, context));
        }
        Ok(Self::File(PathBuf::from(path)))
    }

    /// The folder of the file.
    pub(crate) fn folder(&self) -> Option<&Path> {
        let Self::File(file) = self else { return None };
        Some(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
    }

    pub(crate) fn database(&self, settings: &config::DatabaseSettings) -> DatabaseSettings {
        let url = match self {
            Self::Shared(url) => url.clone(),
            Self::File(file) => SecretString::from(format!("sqlite:{}", file.display())),
        };
        DatabaseSettings {
            url,
            pool_size: settings.pool_size,
            max_overflow: settings.max_overflow,
            pool_timeout: settings.pool_timeout,
            pool_recycle: settings.pool_recycle,
            ..DatabaseSettings::new("")
        }
    }
}
