//! What can be asked to be fuzzed.

use std::{path::Path, process::Command};

fn fuzz(arguments: &[&str]) -> (bool, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("fuzz").args(arguments).current_dir(root).output().expect("can be started");
    (output.status.success(), String::from_utf8(output.stderr).expect("is text"))
}

#[test]
fn an_unknown_target_is_refused_and_the_known_ones_are_named() {
    let (succeeded, said) = fuzz(&["--target", "nonsense"]);

    assert!(!succeeded);
    assert!(said.contains("there is no target `nonsense`"), "{said}");
    assert!(
        ["anthropic", "event_stream", "inbound", "sketch"].iter().all(|name| said.contains(name)),
        "{said}"
    );
}

#[test]
fn no_time_at_all_is_refused() {
    let (succeeded, said) = fuzz(&["--seconds", "0"]);

    assert!(!succeeded && said.contains("--seconds"), "{said}");
}
