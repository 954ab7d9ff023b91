//! Backups of PostgreSQL: `pg_dump` of an exported snapshot, proven by a restore beside it.

use std::ffi::OsStr;
use std::path::Path;

use codeflow_config::Environment;
use codeflow_core::MessageId;
use codeflow_persistence::{PostgresAdmin, PostgresSnapshot, TableRows, check_migrations};
use codeflow_runtime::SystemIds;
use secrecy::{ExposeSecret, SecretString};

use super::Failed;
use super::tools::{Complaint, Tools};
use crate::{Error, ErrorKind};

/// How every restore is made.
const RESTORE: [&str; 3] = ["--exit-on-error", "--no-owner", "--no-privileges"];

/// A database on a server.
pub(super) struct Server<'s> {
    pub(super) url: &'s SecretString,
    pub(super) environment: &'s Environment,
}

impl Server<'_> {
    /// Dumps one moment of it, and proves that the dump can be restored.
    pub(super) async fn backup(&self, file: &Path) -> Result<TableRows, Error> {
        let snapshot = PostgresSnapshot::take(self.url).await.map_err(Failed)?;
        let tools = Tools::find(snapshot.server, self.url, self.environment).await?;
        let (snapshot_is, file_is) = (format!("--snapshot={}", snapshot.name), argument("--file=", file));
        let usual = ["--format=custom", "--no-owner", "--no-privileges", snapshot_is.as_str()];
        let arguments: Vec<&OsStr> = usual.iter().map(OsStr::new).chain([file_is.as_os_str()]).collect();
        tools
            .run("pg_dump", &arguments)
            .await
            .map_err(|said| failed("could not back the database up", said))?;
        let rows = snapshot.rows.clone();
        drop(snapshot);
        self.prove(&tools, file, &rows).await?;
        Ok(rows)
    }

    async fn prove(&self, tools: &Tools, file: &Path, rows: &TableRows) -> Result<(), Error> {
        let admin = PostgresAdmin::connect(self.url).await.map_err(Failed)?;
        let scratch = format!("codeflow_scratch_{}", MessageId::generate(&SystemIds));
        admin.create(&scratch).await.map_err(Failed)?;
        let restored = self.restored(tools, file, &scratch).await;
        let dropped = admin.drop(&scratch).await;
        let found = restored?;
        dropped.map_err(Failed)?;
        match found == *rows {
            true => Ok(()),
            false => {
                let text = "the backup was restored beside the database, and has other rows than it had";
                Err(Error::new(ErrorKind::BackupFailed, text))
            }
        }
    }

    async fn restored(&self, tools: &Tools, file: &Path, scratch: &str) -> Result<TableRows, Error> {
        let into = format!("--dbname={scratch}");
        let arguments = RESTORE.iter().map(OsStr::new).chain([OsStr::new(&into), file.as_os_str()]);
        let arguments: Vec<&OsStr> = arguments.collect();
        let run = tools.run("pg_restore", &arguments).await;
        run.map_err(|said| failed("the backup could not be restored beside the database", said))?;
        Ok(PostgresAdmin::rows_of(self.url, scratch).await.map_err(Failed)?)
    }

    /// Puts a dump in its place, in one transaction.
    pub(super) async fn restore(&self, file: &Path, force: bool) -> Result<TableRows, Error> {
        let admin = PostgresAdmin::connect(self.url).await.map_err(Failed)?;
        let tools = Tools::find(admin.server, self.url, self.environment).await?;
        let tables = tables(&tools, file).await?;
        admin.check_overwritable(&tables, force).await.map_err(Failed)?;
        let into = self.database();
        let further = ["--single-transaction", "--clean", "--if-exists", into.as_str()];
        let arguments: Vec<&OsStr> =
            RESTORE.iter().chain(&further).map(OsStr::new).chain([file.as_os_str()]).collect();
        let run = tools.run("pg_restore", &arguments).await;
        run.map_err(|said| failed("could not restore the database, which is as it was", said))?;
        Ok(admin.rows().await.map_err(Failed)?)
    }

    /// `pg_restore` wants a name. All else is in its environment.
    fn database(&self) -> String {
        let address = url::Url::parse(self.url.expose_secret()).ok();
        let name = address.as_ref().map(|url| match url.path().trim_start_matches('/') {
            "" => url.username().to_owned(),
            name => name.to_owned(),
        });
        let name = name.unwrap_or_default();
        format!("--dbname={}", percent_encoding::percent_decode_str(&name).decode_utf8_lossy())
    }
}

/// The tables in a dump, which has to be one of ours that this program can read.
async fn tables(tools: &Tools, file: &Path) -> Result<Vec<String>, Error> {
    let bad = |said: Complaint| {
        let text = format!("`{}` cannot be read as a backup", file.display());
        Error::new(ErrorKind::BadBackup, text).with_source(said)
    };
    let list = tools.run("pg_restore", &[OsStr::new("--list"), file.as_os_str()]).await.map_err(bad)?;
    let list = String::from_utf8_lossy(&list).into_owned();
    // A line is `215; 1259 16389 TABLE public claim owner`.
    let table = |line: &str| {
        let (_, rest) = line.split_once(" TABLE ")?;
        rest.split_whitespace().nth(1).filter(|_| !rest.starts_with("DATA ")).map(str::to_owned)
    };
    let tables: Vec<String> = list.lines().filter_map(table).collect();
    if !tables.iter().any(|name| name == "workflow_executions") {
        let text = format!("`{}` holds no data of CodeFlow", file.display());
        return Err(Error::new(ErrorKind::BadBackup, text));
    }
    let migrations = ["--data-only", "--table=__diesel_schema_migrations", "--file=-"];
    let arguments: Vec<&OsStr> = migrations.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
    let applied = tools.run("pg_restore", &arguments).await.map_err(bad)?;
    let applied = String::from_utf8_lossy(&applied).into_owned();
    let rows = applied.lines().skip_while(|line| !line.starts_with("COPY ")).skip(1);
    let versions = rows.take_while(|line| *line != "\\.").filter_map(|row| row.split('\t').next());
    check_migrations(versions).map_err(Failed)?;
    // A file that was cut off has its list, but not its data.
    let all = ["--data-only", "--file=/dev/null"];
    let arguments: Vec<&OsStr> = all.iter().map(OsStr::new).chain([file.as_os_str()]).collect();
    tools.run("pg_restore", &arguments).await.map_err(bad)?;
    Ok(tables)
}

fn argument(name: &str, file: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(name);
    argument.push(file);
    argument
}

fn failed(context: &str, said: Complaint) -> Error {
    Error::new(ErrorKind::BackupFailed, context).with_source(said)
}
