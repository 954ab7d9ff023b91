//! Repositories of any size, made in seconds through `git fast-import`.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a generated history looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many commits, after the first one.
    pub commits: u32,
    /// How many bytes of text each commit adds, in a file of its own.
    pub bytes_per_commit: usize,
}

/// Writes a history with the branch `main` into a new repository at `folder`.
///
/// # Panics
/// When git is missing or refuses the history.
pub fn generate(folder: &Path, shape: Shape) {
    git(folder, &["init", "--quiet", "--initial-branch", "main", "."]);
    let mut child = Command::new("git")
        .args(["fast-import", "--quiet"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .spawn()
        .expect("git can be started");
    let mut out = BufWriter::new(child.stdin.take().expect("the input is piped"));
    commit(&mut out, 0, "README.md", "A generated history.\n");
    for number in 1..=shape.commits {
        let path = format!("src/part{}/file{number}.txt", number % 40);
        commit(&mut out, number, &path, &text(number, shape.bytes_per_commit));
    }
    drop(out);
    assert!(child.wait().expect("git ends").success(), "git fast-import failed");
}

fn commit(out: &mut impl Write, number: u32, path: &str, body: &str) {
    let when = 1_700_000_000 + i64::from(number);
    let who = format!("Test <test@example.invalid> {when} +0000");
    let message = format!("commit {number}");
    write!(out, "commit refs/heads/main\ncommitter {who}\ndata {}\n{message}\n", message.len())
        .and_then(|()| write!(out, "M 100644 inline {path}\ndata {}\n{body}\n", body.len()))
        .expect("git takes the history");
}

/// Lines that look like code and differ from each other.
fn text(seed: u32, bytes: usize) -> String {
    let mut body = String::with_capacity(bytes + 80);
    let mut state = u64::from(seed) | 1;
    while body.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        body.push_str(&format!(
            "    let value_{:x} = compute({:x}, \"{:x}\");\n",
            state >> 40,
            state >> 20,
            state
        ));
    }
    body
}

/// Runs git and fails loudly.
///
/// # Panics
/// When git is missing or fails.
pub fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("git can be started");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
