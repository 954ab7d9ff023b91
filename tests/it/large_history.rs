//! A review of a huge range stays small, and says what it left out.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::Duration;

use codeflow_tests::history::{Shape, generate};
use serde_json::Value;

use crate::programs::codeflow;

/// The most memory that the process had at any time, in bytes, as the kernel counts it.
fn peak_memory(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[test]
fn two_hundred_megabytes_of_diff_are_reviewed_in_less_than_five_hundred_of_memory() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    generate(folder.path(), Shape { commits: 2_000, bytes_per_commit: 100 * 1024 });

    let mut child = codeflow()
        .args(["review", "HEAD~2000..HEAD", "--format", "json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command line starts");
    let mut out = child.stdout.take().expect("the output is piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(&child).unwrap_or_default());
        if let Some(status) = child.try_wait().expect("the process can be asked") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };

    let text = reader.join().expect("the reader ends").expect("the output is text");
    let mut complaints = String::new();
    let mut err = child.stderr.take().expect("the errors are piped");
    let _ = err.read_to_string(&mut complaints);
    assert!(matches!(status.code(), Some(0 | 1)), "{status}: {complaints}");
    assert!(peak > 0 && peak < 500_000_000, "{} MB", peak / 1_000_000);
    let report: Value = serde_json::from_str(&text).expect("the output is JSON alone");
    let omitted = report.pointer("/report/omitted").or_else(|| report.pointer("/omitted"));
    let omitted = omitted.and_then(Value::as_array).expect("the report says what was left out");
    assert!(!omitted.is_empty(), "200 MB cannot have been read whole: {text}");
    assert!(omitted.iter().all(|file| file["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
}
