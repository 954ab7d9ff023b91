//! A private server process with a folder of its own on a free loopback port, gone with its last owner.

use std::{
    fmt, fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process, test_kill_process},
};
use tempfile::TempDir;

use crate::{process, programs};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it may take to stop before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// The file in a server's folder that names the process which will remove it.
const OWNER: &str = "owner";

/// A running server.
pub(super) struct Server {
    process: Child,
    folder: TempDir,
    port: u16,
    program: PathBuf,
}

/// A folder of the server's own, and the user who owns it and runs the server.
pub(super) struct Home {
    folder: TempDir,
    user: Option<User>,
}

/// Somebody other than root.
struct User {
    name: String,
    id: u32,
    group: u32,
}

impl Home {
    /// Makes the folder. As root, it belongs to another user, whom the servers insist on.
    pub(super) fn create(name: &str) -> Result<Self> {
        let prefix = format!("codeflow-{name}-");
        remove_orphans(&prefix);
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        fs::write(folder.path().join(OWNER), std::process::id().to_string())?;
        let user = if programs::is_root() { Some(User::find()?) } else { None };
        let home = Self { folder, user };
        home.give(home.folder.path())?;
        Ok(home)
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file that the server may read and nobody else.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        self.give(&path)?;
        Ok(path)
    }

    /// A command that runs as the server's user.
    pub(super) fn command(&self, program: &Path) -> Command {
        let has_setpriv = programs::find("setpriv", &[]).is_some();
        let mut command = match &self.user {
            Some(user) if !has_setpriv => {
                let mut command = process::command("su");
                command.args([&user.name, "-s", "/bin/sh", "-c", "exec \"$0\" \"$@\"", "--"]).arg(program);
                command
            }
            None if !has_setpriv => process::command(&program.to_string_lossy()),
            user => {
                // Besides changing the user, it makes the server end with us even if we are killed.
                let mut command = process::command("setpriv");
                command.args(["--pdeathsig", "INT"]);
                if let Some(user) = user {
                    command
                        .arg("--reuid")
                        .arg(user.id.to_string())
                        .arg("--regid")
                        .arg(user.group.to_string());
                    command.arg("--clear-groups");
                }
                command.arg("--").arg(program);
                command
            }
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts the server on a free port and waits until it is ready.
    pub(super) fn serve(
        self,
        program: &Path,
        arguments: impl Fn(u16) -> Vec<String>,
        ready: impl Fn(u16) -> bool,
    ) -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = fs::File::create(self.path("log"))?;
        let process = self
            .command(program)
            .args(arguments(port))
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let mut server = Server { process, folder: self.folder, port, program: program.to_owned() };
        server.wait_until(ready)?;
        Ok(server)
    }

    fn give(&self, path: &Path) -> Result<()> {
        match &self.user {
            Some(user) => chown(path, Some(user.id), Some(user.group))
                .with_context(|| format!("could not give {} to {}", path.display(), user.name)),
            None => Ok(()),
        }
    }
}

/// Removes what an xtask left behind that was killed before it could tidy up.
fn remove_orphans(prefix: &str) {
    for entry in std::env::temp_dir().read_dir().into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(prefix) {
            continue;
        }
        let owner = fs::read_to_string(entry.path().join(OWNER)).unwrap_or_default();
        let owner = owner.parse().ok().and_then(Pid::from_raw);
        let is_dead = owner.is_some_and(|owner| test_kill_process(owner) == Err(Errno::SRCH));
        if is_dead && let Err(error) = fs::remove_dir_all(entry.path()) {
            eprintln!("warning: could not remove {}: {error}", entry.path().display());
        }
    }
}

impl User {
    fn find() -> Result<Self> {
        let id = |option: &str, name: &str| {
            let id = process::output(process::command("id").args([option, name])).ok()?;
            id.trim().parse().ok()
        };
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| {
                Some(Self { name: name.to_owned(), id: id("-u", name)?, group: id("-g", name)? })
            })
            .context("servers refuse to run as root, and there is no user `postgres` or `nobody` to run them")
    }
}

impl Server {
    /// The port on the loopback address.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    fn wait_until(&mut self, ready: impl Fn(u16) -> bool) -> Result<()> {
        let start = Instant::now();
        loop {
            // Asked first: if our server is gone, whoever answers on the port is not ours.
            if let Some(status) = self.process.try_wait()? {
                bail!("{} ended with {status}: {}", self.program.display(), self.complaint());
            }
            if ready(self.port) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("{} does not answer: {}", self.program.display(), self.complaint());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn complaint(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default().trim().to_owned()
    }

    /// Asks the process to stop; whether it did within the grace period.
    fn stop(&mut self) -> bool {
        let asked = kill_process(Pid::from_child(&self.process), Signal::INT);
        let start = Instant::now();
        while asked.is_ok() && start.elapsed() < GRACE {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stop() {
            eprintln!("warning: {} had to be killed", self.program.display());
            if self.process.kill().and_then(|()| self.process.wait()).is_err() {
                eprintln!("warning: process {} may still run", self.process.id());
            }
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on port {}", self.program.display(), self.port)
    }
}
