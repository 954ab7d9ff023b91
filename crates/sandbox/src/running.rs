//! One command from the worker's side: the first stage is started, told what to do, listened to, and ended with all that
//! came of it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use codeflow_actions::{CommandEnd, CommandError, CommandErrorKind, CommandRequest};
use nix::unistd::geteuid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::capture::Capture;
use crate::cgroup::Cgroup;
use crate::stage::{MARK, NOBODY};
use crate::talk::{self, Boundary, Ended, Exceeded, Isolation, LONGEST_REPORT, Limits, Order, Report, Spec};
use crate::{Bounds, Sandbox};

/// How long a command that was told to end may take for it.
const GRACE: Duration = Duration::from_millis(400);

/// How long the processes of a command may take to be gone, once they were ended.
const GONE: Duration = Duration::from_millis(300);

/// How long the rest of its outputs may take to be read.
const DRAINED: Duration = Duration::from_secs(5);

/// A command that runs.
struct Running {
    worker: UnixStream,
    child: Child,
    outputs: [Capture; 2],
    isolation: Isolation,
    cgroup: Option<Cgroup>,
    folder: Option<TempDir>,
    network: bool,
    grouped: bool,
}

/// How it went on.
enum Outcome {
    Said(io::Result<Report>),
    Stopped,
    TooLong,
}

impl Sandbox {
    pub(crate) async fn run_within(
        &self,
        request: CommandRequest,
        bounds: Bounds,
        stop: CancellationToken,
    ) -> Result<CommandEnd, CommandError> {
        if let Some(parent) = &self.options.cgroup {
            Cgroup::check(parent).map_err(unusable_group)?;
        }
        let full = self.attempt(&request, bounds, Isolation::Full, &stop).await;
        match full {
            Err(error) if error.kind() == CommandErrorKind::Unavailable && self.options.reduced => {
                if !request.network {
                    let text = "this machine gives commands no network namespace, and the step does not say `network: true`";
                    return Err(CommandError::new(CommandErrorKind::NetworkOpen, text).with_source(error));
                }
                self.attempt(&request, bounds, Isolation::Reduced, &stop).await
            }
            ended => ended,
        }
    }

    async fn attempt(
        &self,
        request: &CommandRequest,
        bounds: Bounds,
        isolation: Isolation,
        stop: &CancellationToken,
    ) -> Result<CommandEnd, CommandError> {
        let mut running = self.start(bounds, isolation, request.network)?;
        let spec = self.spec(request, bounds, &running);
        let (stdout, stderr) = running.readers()?;
        let ended = {
            let mut reading = pin!(async { tokio::join!(stdout, stderr) });
            let mut ending = pin!(running.drive(&spec, request.timeout, stop));
            // Outputs are read all the time. Once everybody is gone nothing is left but what is in the pipes.
            tokio::select! {
                ended = &mut ending => {
                    let ended = ended?;
                    let _ = timeout(DRAINED, reading).await;
                    Ok(ended)
                }
                _ = &mut reading => ending.await,
            }
        }?;
        Ok(running.end(ended))
    }

    fn start(&self, bounds: Bounds, isolation: Isolation, network: bool) -> Result<Running, CommandError> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(broken("a pair of sockets"))?;
        ours.set_nonblocking(true).map_err(broken("a socket"))?;
        let worker = UnixStream::from_std(ours).map_err(broken("a socket"))?;
        let folder = match isolation {
            Isolation::Full => None,
            Isolation::Reduced => Some(TempDir::with_prefix("codeflow-run-").map_err(broken("a folder"))?),
        };
        let mut command = Command::new(self.stage()?);
        command.arg0("codeflow-sandbox").args([MARK, "outer"]).env_clear().current_dir("/");
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Ending the first stage ends the namespaces. Where there are none, it ends the others before itself.
        command.kill_on_drop(isolation == Isolation::Full);
        let child = command.spawn().map_err(broken("the first stage"))?;
        // It waits until it is spoken to, so nothing was started yet that would not be in the group.
        let cgroup = self.group(&child, &bounds)?;
        let outputs = [Capture::new(bounds.output), Capture::new(bounds.output)];
        let grouped = cgroup.is_some();
        Ok(Running { worker, child, outputs, isolation, cgroup, folder, network, grouped })
    }

    fn group(&self, child: &Child, bounds: &Bounds) -> Result<Option<Cgroup>, CommandError> {
        let (Some(parent), Some(process)) = (&self.options.cgroup, child.id()) else { return Ok(None) };
        let name = format!("codeflow-run-{process}");
        let group = Cgroup::create(parent, &name, bounds).map_err(unusable_group)?;
        group.add(process).map_err(unusable_group)?;
        Ok(Some(group))
    }

    fn spec(&self, request: &CommandRequest, bounds: Bounds, running: &Running) -> Spec {
        let limits = Limits {
            memory: bounds.memory,
            cpu_seconds: bounds.cpu.as_secs_f64().ceil() as u64,
            processes: bounds.processes.into(),
            open_files: bounds.open_files.into(),
            file_size: bounds.file_size,
            become_nobody: running.isolation == Isolation::Reduced && geteuid().is_root(),
        };
        Spec {
            isolation: running.isolation,
            network: request.network,
            program: request.program.clone(),
            arguments: request.arguments.clone(),
            stdin: request.stdin.clone(),
            files: request.files.clone(),
            environment: request.environment.clone(),
            limits,
            folder_bytes: self.options.folder_bytes,
            folder: running.folder.as_ref().map(|folder| folder.path().to_owned()),
            read_only: self.options.read_only.clone(),
        }
    }
}

impl Running {
    fn readers(
        &mut self,
    ) -> Result<(impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>), CommandError> {
        let missing = || CommandError::new(CommandErrorKind::Broken, "the command has no output");
        let stdout = self.child.stdout.take().ok_or_else(missing)?;
        let stderr = self.child.stderr.take().ok_or_else(missing)?;
        let [first, second] = self.outputs.clone();
        Ok((first.read(stdout), second.read(stderr)))
    }

    /// Tells the command to the stages and waits for its end, which is also the end of everything that it started.
    async fn drive(
        &mut self,
        spec: &Spec,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<Ended, CommandError> {
        let outcome = tokio::select! {
            biased;
            () = stop.cancelled() => Outcome::Stopped,
            () = sleep(limit) => Outcome::TooLong,
            said = self.converse(spec) => Outcome::Said(said),
        };
        let ended = match outcome {
            Outcome::Said(said) => ended(said),
            Outcome::Stopped => {
                Err(CommandError::new(CommandErrorKind::Cancelled, "the command was told to stop"))
            }
            Outcome::TooLong => {
                let text = format!("the command took longer than {limit:?}");
                Err(CommandError::new(CommandErrorKind::Timeout, text))
            }
        };
        if ended.as_ref().is_err_and(|error| {
            matches!(error.kind(), CommandErrorKind::Cancelled | CommandErrorKind::Timeout)
        }) {
            self.ask_to_end().await;
        }
        self.make_sure().await;
        ended
    }

    async fn converse(&mut self, spec: &Spec) -> io::Result<Report> {
        let mapped_by_worker = self.isolation == Isolation::Full && geteuid().is_root();
        let boundary = Boundary { isolation: self.isolation, network: self.network, mapped_by_worker };
        self.send(&boundary).await?;
        if mapped_by_worker {
            match self.receive().await? {
                Report::Unshared => {}
                other => return Ok(other),
            }
            if let Err(error) = self.map_users() {
                return Ok(Report::Refused { what: format!("the users: {error}") });
            }
            self.send(&Order::Mapped).await?;
        }
        // The stage may have ended already, and have said why.
        let sent = self.send(spec).await;
        match self.receive().await {
            Ok(report) => Ok(report),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }

    /// Whoever it is inside, outside it is nobody.
    fn map_users(&self) -> io::Result<()> {
        let process = self.child.id().ok_or(io::ErrorKind::NotFound)?;
        let folder = format!("/proc/{process}");
        let map = |file: &str| std::fs::write(Path::new(&folder).join(file), format!("0 {NOBODY} 1"));
        map("uid_map")?;
        map("gid_map")
    }

    async fn send(&mut self, message: &impl serde::Serialize) -> io::Result<()> {
        self.worker.write_all(&talk::encode(message)?).await
    }

    async fn receive(&mut self) -> io::Result<Report> {
        let length = self.worker.read_u32_le().await?;
        if length > LONGEST_REPORT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = vec![0; length as usize];
        self.worker.read_exact(&mut body).await?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Lets the command end by itself for a moment.
    async fn ask_to_end(&mut self) {
        if self.send(&Order::End).await.is_ok() {
            let _ = timeout(GRACE, self.receive()).await;
        }
    }

    /// Ends whatever is left. Without the other end of their socket the stages end everything, and then themselves.
    async fn make_sure(&mut self) {
        let _ = self.worker.shutdown().await;
        if timeout(GONE, self.child.wait()).await.is_err() && self.isolation == Isolation::Full {
            let _ = self.child.kill().await;
        }
        self.cgroup = None;
    }

    fn end(self, ended: Ended) -> CommandEnd {
        let in_force = self.in_force();
        let [stdout, stderr] = self.outputs.map(|output| output.text());
        CommandEnd {
            exit_code: ended.exit_code,
            signal: ended.signal,
            stdout,
            stderr,
            cpu: Duration::from_millis(ended.cpu_ms),
            max_memory: ended.max_memory,
            exceeded: ended.exceeded.map(|exceeded| match exceeded {
                Exceeded::Memory => "memory",
                Exceeded::Cpu => "cpu",
            }),
            in_force,
        }
    }
}

impl Running {
    /// What keeps this command in its place, as people may be told.
    fn in_force(&self) -> Vec<String> {
        let mut names = vec!["no_new_privileges", "process_limits"];
        match self.isolation {
            Isolation::Full => {
                names.extend([
                    "user_namespace",
                    "pid_namespace",
                    "mount_namespace",
                    "ipc_namespace",
                    "watched_totals",
                ]);
                if !self.network {
                    names.push("network_namespace");
                }
            }
            Isolation::Reduced => names.push("child_subreaper"),
        }
        if self.grouped {
            names.push("cgroup");
        }
        names.into_iter().map(str::to_owned).collect()
    }
}

fn ended(said: io::Result<Report>) -> Result<Ended, CommandError> {
    let error = |kind, text: &str, cause: String| {
        // What the step is told goes no further than its text.
        tracing::warn!(cause, "{text}");
        Err(CommandError::new(kind, text).with_source(io::Error::other(cause)))
    };
    match said {
        Ok(Report::Ended(ended)) => Ok(ended),
        Ok(Report::NoProgram) => {
            Err(CommandError::new(CommandErrorKind::NoProgram, "there is no such program in the sandbox"))
        }
        Ok(Report::Refused { what }) => {
            let text = "this machine does not give commands the isolation that settings demand";
            error(CommandErrorKind::Unavailable, text, what)
        }
        Ok(Report::Broken { what }) => {
            error(CommandErrorKind::Broken, "the sandbox could not run the command", what)
        }
        Ok(Report::Unshared) => error(CommandErrorKind::Broken, "the sandbox lost its thread", String::new()),
        Err(source) => {
            Err(CommandError::new(CommandErrorKind::Broken, "the sandbox ended early").with_source(source))
        }
    }
}

fn unusable_group(source: io::Error) -> CommandError {
    let text = "the cgroup that settings name cannot be used";
    CommandError::new(CommandErrorKind::Unavailable, text).with_source(source)
}

fn broken(what: &'static str) -> impl FnOnce(io::Error) -> CommandError {
    move |source| {
        CommandError::new(CommandErrorKind::Broken, format!("the sandbox could not make {what}"))
            .with_source(source)
    }
}
