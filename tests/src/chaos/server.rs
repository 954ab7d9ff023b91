//! A PostgreSQL server that a storm may restart: its data in a folder of its own, its port kept.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::audit::Audit;

/// Where Debian keeps the servers of each major version, outside the search path.
const DEBIAN: &str = "/usr/lib/postgresql";

/// How long it may take to come up or down.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are ended, and everything is written down.
    Fast,
    /// As if it had crashed.
    Immediate,
}

/// A server that ends with this value.
pub struct PostgresServer {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl PostgresServer {
    /// Makes a cluster and starts it.
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("codeflow-chaos-").tempdir().expect("a folder can be made");
        if geteuid().is_root() {
            let (user, group) = (id("-u"), id("-g"));
            chown(folder.path(), Some(user), Some(group)).expect("the folder can be given away");
        }
        let mut initdb = command("initdb", folder.path());
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]);
        let made = initdb.arg("-D").arg(folder.path().join("data")).output().expect("initdb can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        drop(listener);
        let server = Self { process: serve(folder.path(), port), port, folder };
        server.answers();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The address of one of its databases, at another place if a relay is between.
    pub fn url(&self, database: &str, at: Option<SocketAddr>) -> String {
        format!("postgres://postgres@{}/{database}", at.unwrap_or_else(|| self.address()))
    }

    /// Makes a database as a copy of another one, which is left alone as soon as nobody is connected to it; gives its address.
    pub async fn copy(&self, template: &str, name: &str) -> String {
        let admin = Audit::connect(&self.url("postgres", None)).await;
        let copy = format!("CREATE DATABASE {name} TEMPLATE {template}");
        let began = Instant::now();
        while let Err(error) = admin.attempt(&copy).await {
            assert!(began.elapsed() < PATIENCE, "{name} cannot be made: {error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.url(name, None)
    }

    /// Stops it and starts it again. When this returns, it answers.
    pub fn restart(&mut self, shutdown: Shutdown) {
        self.stop(shutdown);
        self.process = serve(self.folder.path(), self.port);
        self.answers();
    }

    fn stop(&mut self, shutdown: Shutdown) {
        let signal = match shutdown {
            Shutdown::Fast => Signal::INT,
            Shutdown::Immediate => Signal::QUIT,
        };
        let _ = kill_process(Pid::from_child(&self.process), signal);
        self.process.wait().expect("it can be waited for");
    }

    fn answers(&self) {
        let began = Instant::now();
        loop {
            let mut question = command("pg_isready", self.folder.path());
            question.args(["--host=127.0.0.1", "--port", &self.port.to_string()]);
            let answer = question.stdout(Stdio::null()).status().expect("pg_isready can be started");
            if answer.success() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "the server does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop(Shutdown::Immediate);
    }
}

fn serve(folder: &Path, port: u16) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log"));
    let log = log.expect("a log can be written");
    let mut server = command("postgres", folder);
    server.arg("-D").arg(folder.join("data"));
    let port = format!("port={port}");
    let settings = [
        &port,
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "max_connections=200",
        // What is killed is the server, never the machine under it.
        "fsync=off",
    ];
    for setting in settings {
        server.args(["-c", setting]);
    }
    let errors = log.try_clone().expect("a file can be opened twice");
    server.stdout(log).stderr(errors).spawn().expect("postgres can be started")
}

/// A program of PostgreSQL; it refuses to be root's.
fn command(program: &str, folder: &Path) -> Command {
    let program = installed(program);
    let mut command = match geteuid().is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command.args(["--pdeathsig", "QUIT", "--reuid", "postgres", "--regid", "postgres"]);
            command.args(["--clear-groups", "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn installed(program: &str) -> PathBuf {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder): &(u32, PathBuf)| folder.join(program).exists())
        .collect();
    found.sort();
    found.pop().map_or_else(|| PathBuf::from(program), |(_, folder)| folder.join(program))
}

fn id(option: &str) -> u32 {
    let output = Command::new("id").args([option, "postgres"]).output().expect("id can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("as root, the server runs as the user `postgres`, who must be there")
}
