//! A repository made for one test, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use codeflow::config::Environment;
use serde_json::Value;
use tempfile::TempDir;

/// What a program needs to run, and to count what was run of it. Nothing else that is set here reaches it: with a vendor's
/// key of the developer's it would ask the vendor.
const KEPT: [&str; 4] = ["PATH", "TERM", "TMPDIR", "LLVM_PROFILE_FILE"];

/// A folder with a repository in it, and a home of its own.
pub(crate) struct Checkout {
    folder: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        assert!(parsed.is_ok(), "{parsed:?}: {self:#?}");
        parsed.unwrap_or_default()
    }

    /// The id of the execution that the program told about.
    pub(crate) fn id(&self) -> &str {
        let id = id_in(&self.stderr);
        assert!(id.is_some(), "no id: {self:#?}");
        id.unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

pub(crate) fn id_in(text: &str) -> Option<&str> {
    let start = text.find("exec_")?;
    text.get(start..start + "exec_".len() + 32)
}

impl Checkout {
    /// An empty folder.
    pub(crate) fn folder() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    /// A repository with one harmless commit.
    pub(crate) fn new() -> Self {
        let checkout = Self::folder();
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.commit("README", "hello\n");
        checkout
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).output().expect("git can be run");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("the file can be written");
        path
    }

    /// Writes a file and commits it.
    pub(crate) fn commit(&self, name: &str, text: &str) {
        self.write(name, text);
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", name]);
    }

    /// Commits a key that looks real enough. It stands in no file of the project.
    pub(crate) fn plant_a_key(&self) -> String {
        let key = ["AKIA", "QWERTYUIOP", "ASDFGH"].concat();
        self.commit("settings.py", &format!("# settings\naws_key = \"{key}\"\n"));
        key
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let environment = Environment::process();
        let kept = KEPT.iter().filter_map(|name| Some((name, environment.find(name)?)));
        command.current_dir(self.path()).env_clear().envs(kept).env("HOME", self.path()).env("USER", "ada");
        command
    }

    /// The program, ready to be run here.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_codeflow"));
        command.args(arguments);
        command
    }

    /// Runs the program to its end.
    pub(crate) fn codeflow(&self, arguments: &[&str]) -> Said {
        said(self.program(arguments))
    }

    /// Runs the program and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// Runs the program with further variables and leaves it running.
    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut program = self.program(arguments);
        program.envs(variables.iter().copied());
        let child = program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running { child: child.expect("the program can be run"), heard: String::new() }
    }
}

pub(crate) fn said(mut program: Command) -> Said {
    let output = program.stdin(Stdio::null()).output().expect("the program can be run");
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    heard: String,
}

impl Running {
    /// Reads standard error until a line contains `text`, and returns all that was read so far.
    pub(crate) fn until(&mut self, text: &str) -> &str {
        use std::io::Read;
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        let mut byte = [0];
        let mut bytes = self.heard.clone().into_bytes();
        loop {
            let heard = String::from_utf8_lossy(&bytes).into_owned();
            if heard.ends_with('\n') && heard.contains(text) {
                self.heard = heard;
                return &self.heard;
            }
            assert_eq!(stderr.read(&mut byte).expect("it can be read"), 1, "it ended and said {heard}");
            bytes.push(byte[0]);
        }
    }

    /// Waits until the execution that was started last waits for something.
    pub(crate) fn until_asleep(&self, checkout: &Checkout) {
        while !checkout.codeflow(&["execution", "list", "--limit", "1"]).stdout.contains("waiting") {}
    }

    /// Sends a signal such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.expect("sh can be run").success());
    }

    /// Ends it without a warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Waits until it ends.
    pub(crate) fn end(self) -> Said {
        let output = self.child.wait_with_output().expect("it ends");
        let rest = String::from_utf8_lossy(&output.stderr).into_owned();
        Said {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: format!("{}{rest}", self.heard),
        }
    }
}
