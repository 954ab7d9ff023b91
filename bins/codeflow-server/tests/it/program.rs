//! The program as its users start it, and a client that knows no more than HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

pub(crate) const KEY: &str = "cf_test_0123456789abcdef";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program with nothing of this process's environment but what it needs to be measured.
pub(crate) fn server(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codeflow-server"));
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
    pub(crate) address: String,
}

impl Program {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("it says something");
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let mut program = Self { child, address: String::new() };
        let errors = if address.is_none() { program.errors() } else { String::new() };
        program.address = address.expect(&errors);
        program
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
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
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Makes a call and returns all that comes back.
pub(crate) fn ask(address: &str, key: &str, streamed: bool) -> String {
    let body = format!(
        "{{\"model\":\"fast\",\"stream\":{streamed},\"messages\":[{{\"role\":\"user\",\"content\":\"Hello.\"}}]}}"
    );
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time is legal");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}
