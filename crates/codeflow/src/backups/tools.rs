//! The programs that come with PostgreSQL: which ones to take, and how they are run.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use codeflow_config::Environment;
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use crate::{Error, ErrorKind};

/// Where Debian keeps the programs of each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// How much of what a program complains about is told.
const MAX_COMPLAINT: usize = 600;

/// `pg_dump` and `pg_restore` of one version.
pub(super) struct Tools {
    folder: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl Tools {
    /// The newest programs, which must not be older than the server. What they need to log in is in their environment
    /// alone: arguments are for everybody to see.
    pub(super) async fn find(
        server: u32,
        url: &SecretString,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let mut best: Option<(u32, PathBuf)> = None;
        for folder in folders(environment) {
            let Some(version) = version(&folder.join("pg_dump")).await else { continue };
            if version >= server && best.as_ref().is_none_or(|(known, _)| version > *known) {
                best = Some((version, folder));
            }
        }
        let (_, folder) = best.ok_or_else(|| {
            let text =
                format!("there is no `pg_dump` of version {server} or later, in PATH or in {VERSIONS}");
            Error::new(ErrorKind::BackupFailed, text)
        })?;
        let mut variables = login(url)?;
        variables.extend(environment.find("PATH").map(|path| ("PATH".into(), path.to_owned())));
        Ok(Self { folder, variables })
    }

    /// Runs a program to its end and gives what it wrote.
    pub(super) async fn run(&self, name: &str, arguments: &[&OsStr]) -> Result<Vec<u8>, Complaint> {
        let mut command = Command::new(self.folder.join(name));
        command.env_clear().envs(self.variables.iter().map(|(name, value)| (name, value))).args(arguments);
        let run = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
        match run {
            Ok(Output { status, stdout, .. }) if status.success() => Ok(stdout),
            Ok(Output { stderr, .. }) => Err(Complaint(complaint(name, &String::from_utf8_lossy(&stderr)))),
            Err(error) => Err(Complaint(format!("`{name}` could not be run: {error}"))),
        }
    }
}

/// What a program says when it fails.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Complaint(String);

/// Only what it calls an error: the rest may quote rows.
fn complaint(name: &str, said: &str) -> String {
    let errors = said.lines().filter(|line| line.contains("error:") || line.contains("ERROR:"));
    let told: String = errors.collect::<Vec<_>>().join("; ").chars().take(MAX_COMPLAINT).collect();
    if told.is_empty() { format!("`{name}` failed without a word") } else { told }
}

fn folders(environment: &Environment) -> Vec<PathBuf> {
    let path = environment.find("PATH").map(|path| std::env::split_paths(path).collect::<Vec<_>>());
    let installed = std::fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    // First what belongs to a version: what is in PATH may choose one by itself.
    installed.map(|folder| folder.path().join("bin")).chain(path.unwrap_or_default()).collect()
}

/// The major version that `program --version` tells.
async fn version(program: &Path) -> Option<u32> {
    if !program.is_file() {
        return None;
    }
    let output =
        Command::new(program).arg("--version").env_clear().stdin(Stdio::null()).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty())?.parse().ok()
}

/// The variables of libpq that say what an address says.
fn login(url: &SecretString) -> Result<Vec<(OsString, OsString)>, Error> {
    let unreadable = || Error::new(ErrorKind::DatabaseAddress, "the address of the database cannot be read");
    let address = url::Url::parse(url.expose_secret()).map_err(|_| unreadable())?;
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            variables.push((name.into(), value.into()));
        }
    };
    set("PGHOST", address.host_str().map(plain).unwrap_or_default());
    set("PGPORT", address.port().map(|port| port.to_string()).unwrap_or_default());
    set("PGUSER", plain(address.username()));
    set("PGPASSWORD", address.password().map(plain).unwrap_or_default());
    set("PGDATABASE", plain(address.path().trim_start_matches('/')));
    for (name, value) in address.query_pairs() {
        match name.as_ref() {
            "host" => set("PGHOST", value.into_owned()),
            "port" => set("PGPORT", value.into_owned()),
            "user" => set("PGUSER", value.into_owned()),
            "password" => set("PGPASSWORD", value.into_owned()),
            "dbname" => set("PGDATABASE", value.into_owned()),
            "sslmode" => set("PGSSLMODE", value.into_owned()),
            _ => {}
        }
    }
    set("PGAPPNAME", "codeflow backup".to_owned());
    Ok(variables)
}
