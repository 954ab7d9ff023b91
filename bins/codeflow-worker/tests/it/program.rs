//! The program as its users start it, and a client that knows no more than HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program with nothing of this process's environment but what it needs to be measured.
pub(crate) fn worker(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codeflow-worker"));
    let noise = |name: &str| {
        ["CODEFLOW", "DB_", "DATABASE", "OPENAI", "ANTHROPIC", "AWS"].iter().any(|it| name.starts_with(it))
    };
    for (name, _) in codeflow::config::Environment::process().iter() {
        if name.to_str().is_some_and(|name| noise(name) || name.ends_with("_API_KEY")) {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// A program that runs. It ends with this value.
pub(crate) struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The session that it said.
    pub(crate) session: String,
    /// Where it tells its health.
    pub(crate) health: String,
}

impl Program {
    /// Starts it and waits until it says that it works and where its health is told.
    pub(crate) fn start(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut program = Self { child, stdout, session: String::new(), health: String::new() };
        let first = program.line();
        let said = first.strip_prefix("worker ").and_then(|rest| rest.split_once(" on lanes "));
        let errors = if said.is_none() { program.errors() } else { String::new() };
        let (session, lanes) = said.expect(&errors);
        assert_eq!(lanes, "default");
        program.session = session.to_owned();
        let second = program.line();
        let address = second.strip_prefix("health on http://").expect("it tells where its health is");
        program.health = address.to_owned();
        program
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("its output can be read");
        line.trim().to_owned()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid =
            Pid::from_raw(i32::try_from(self.child.id()).expect("ids are small")).expect("it is no nought");
        kill_process(pid, signal).expect("it still runs");
    }

    /// Waits for its end; nothing when a signal ended it.
    pub(crate) fn code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What it wrote to standard error. It has to have ended.
    pub(crate) fn errors(&mut self) -> String {
        self.child.kill().ok();
        let mut text = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut text).ok();
        }
        text
    }

    /// What it answers to GET, with its status; nothing when it does not answer.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.health).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: w\r\n\r\n").as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Waits until its metrics have a line.
    pub(crate) fn wait_for_metric(&self, line: &str) {
        let began = Instant::now();
        loop {
            let told = self.get("/metrics").map(|(_, body)| body).unwrap_or_default();
            if told.contains(line) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it never says {line}, but {told}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until it answers so to whether it is ready.
    pub(crate) fn wait_for_ready(&self, status: u16) -> String {
        let began = Instant::now();
        loop {
            let told = self.get("/health/ready");
            if let Some((_, body)) = told.as_ref().filter(|(told, _)| *told == status) {
                return body.clone();
            }
            assert!(began.elapsed() < PATIENCE, "it never says {status}, but {told:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
