//! A PostgreSQL server for one run, as durable as a real one, in a folder that goes with it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// Where Debian keeps the programs of each major version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// How long the server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(super) struct Server {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts it, with `pg_stat_statements` if it is `profiled`.
    pub(super) fn start(profiled: bool) -> Result<Self> {
        let initdb = program("initdb").context("PostgreSQL's `initdb` is not installed")?;
        let postgres = program("postgres").context("PostgreSQL's `postgres` is not installed")?;
        let folder = tempfile::Builder::new().prefix("codeflow-bench-").tempdir()?;
        let user = User::find()?;
        if let Some(user) = &user {
            chown(folder.path(), Some(user.id), Some(user.group))?;
        }
        let data = folder.path().join("data");
        let mut create = command(user.as_ref(), &initdb, folder.path());
        create.args(["--username=bench", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D"]).arg(&data);
        let made = create.output()?;
        if !made.status.success() {
            bail!("no cluster could be made: {}", String::from_utf8_lossy(&made.stderr).trim());
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut serve = command(user.as_ref(), &postgres, folder.path());
        serve.arg("-D").arg(&data).args(settings(port));
        if profiled {
            serve.args(["-c", "shared_preload_libraries=pg_stat_statements"]);
            serve.args(["-c", "pg_stat_statements.track_planning=on"]);
        }
        let log = fs::File::create(folder.path().join("log"))?;
        let process = serve.stdout(Stdio::null()).stderr(log).spawn()?;
        let mut server = Self { process, port, _folder: folder };
        server.wait()?;
        Ok(server)
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://bench@127.0.0.1:{}/postgres", self.port)
    }

    fn wait(&mut self) -> Result<()> {
        let ready = program("pg_isready").context("PostgreSQL's `pg_isready` is not installed")?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            let mut ask = Command::new(&ready);
            ask.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() && ask.status()?.success() {
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("the server does not answer")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let asked = kill_process(Pid::from_child(&self.process), Signal::INT);
        let began = Instant::now();
        while asked.is_ok() && began.elapsed() < PATIENCE {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// `fsync` and `synchronous_commit` are on, as they are by default.
fn settings(port: u16) -> Vec<String> {
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        "shared_buffers=256MB".to_owned(),
        "max_connections=200".to_owned(),
        "max_wal_size=4GB".to_owned(),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// Somebody other than root, whom the server insists on.
struct User {
    id: u32,
    group: u32,
}

impl User {
    fn find() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let number = |option: &str, name: &str| {
            let output = Command::new("id").args([option, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        let found = ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self { id: number("-u", name)?, group: number("-g", name)? }));
        Ok(Some(found.context("the server refuses to run as root, and there is nobody else to run it")?))
    }
}

/// A command that runs as the server's user and ends with this process.
fn command(user: Option<&User>, program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some(user) = user {
        let (id, group) = (user.id.to_string(), user.group.to_string());
        command.args(["--reuid", &id, "--regid", &group, "--clear-groups"]);
    }
    command.arg("--").arg(program).current_dir(folder).stdin(Stdio::null());
    command
}

/// A program of PostgreSQL: of the newest version in Debian's folders, else on the search path.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name)))
        })
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort_unstable();
    let newest = found.pop().map(|(_, path)| path);
    newest.or_else(|| Command::new(name).arg("--version").output().is_ok().then(|| PathBuf::from(name)))
}
