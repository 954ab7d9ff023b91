//! A throw-away PostgreSQL.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::server::{Home, Server};
use crate::{process, programs};

/// Where Debian keeps the servers of each major version, outside the search path.
const DEBIAN: &str = "/usr/lib/postgresql";
const ADVICE: &str =
    "tests need PostgreSQL: install its server, or set CODEFLOW_TEST_POSTGRES to the address of one";

/// Starts a server with an empty cluster; returns the address of its superuser.
pub(super) fn start() -> Result<(String, Server)> {
    let binaries = binaries()?;
    let home = Home::create("postgres")?;
    let password = password()?;
    let password_file = home.write("password", &password)?;
    let data = home.path("data");
    process::output(
        home.command(&binaries.join("initdb"))
            .args(["--username=codeflow", "--auth=md5", "--encoding=UTF8", "--no-locale"])
            .arg(format!("--pwfile={}", password_file.display()))
            .arg(&data),
    )
    .context("could not create a PostgreSQL cluster")?;
    let server = home.serve(
        &binaries.join("postgres"),
        |port| settings(&data, port),
        |port| {
            // It accepts connections before it is able to serve them; this program knows the difference.
            let port = port.to_string();
            let mut question = process::command(&binaries.join("pg_isready").to_string_lossy());
            process::output(question.args(["--host=127.0.0.1", "--port", &port])).is_ok()
        },
    )?;
    let address = format!("postgres://codeflow:{password}@127.0.0.1:{}/postgres", server.port());
    Ok((address, server))
}

/// Installs the programs if need be.
pub(super) fn ensure() -> Result<()> {
    binaries().map(drop)
}

fn settings(data: &Path, port: u16) -> Vec<String> {
    let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
    for setting in [
        &format!("port={port}"),
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=300",
        // Tests kill its clients, never the machine under it, and it is thrown away.
        "fsync=off",
        // Template databases are copied for each test.
        "max_wal_size=4GB",
    ] {
        arguments.extend(["-c".to_owned(), setting.to_owned()]);
    }
    arguments
}

/// The folder that holds `initdb` and `postgres`, installed if need be.
fn binaries() -> Result<PathBuf> {
    if let Some(folder) = installed() {
        return Ok(folder);
    }
    programs::install(&["postgresql"], ADVICE)?;
    installed().context("the package postgresql was installed, yet there is no initdb")
}

fn installed() -> Option<PathBuf> {
    let initdb = programs::find("initdb", &debian_folders())?;
    initdb.canonicalize().ok()?.parent().map(Path::to_owned)
}

/// The folders of all installed major versions, the newest first.
fn debian_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}

/// A password for this one server: others on the machine must not become its superuser.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
