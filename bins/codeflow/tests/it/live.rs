//! What somebody sees who sits at a terminal.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::Checkout;

/// A terminal: what a program is given, and what a person sees of it.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&person).expect("it is ours");
    unlockpt(&person).expect("it is ours");
    let name = ptsname(&person, Vec::new()).expect("it has a name");
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let program = OpenOptions::new().read(true).write(true).open(path).expect("it is unlocked");
    (program, File::from(person))
}

/// Everything that a program wrote until it went away. A terminal ends with an error, not with an end.
fn seen(mut person: File) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = person.read(&mut piece) {
        bytes.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Runs a short nap at a terminal, with one variable more.
fn nap(name: &str, value: &str) -> String {
    let checkout = Checkout::folder();
    checkout.write("nap.yaml", "version: 1\nname: nap\nsteps:\n  nap: { sleep: 300ms }\n");
    watch(&checkout, name, value)
}

/// Runs `nap.yaml` at a terminal.
fn watch(checkout: &Checkout, name: &str, value: &str) -> String {
    let (program, person) = terminal();
    let mut command = checkout.program(&["run", "nap.yaml"]);
    command.env("TERM", "xterm-256color").env(name, value);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(program);
    let mut child = command.spawn().expect("the program can be run");
    // The command holds the program's side of the terminal; it must not outlive the program.
    drop(command);

    let seen = seen(person);

    assert!(child.wait().expect("it ends").success(), "{seen}");
    seen
}

#[test]
fn a_terminal_shows_a_line_that_moves_and_takes_it_away() {
    let seen = nap("LANG", "C.UTF-8");

    assert!(seen.contains("nap (waiting)"), "{seen}");
    assert!(seen.contains("✓"), "{seen}");
    assert!(seen.contains("\u{1b}[2K"), "{seen}");
}

#[test]
fn a_job_and_a_dumb_terminal_get_plain_lines() {
    for (name, value) in [("CI", "true"), ("TERM", "dumb")] {
        let seen = nap(name, value);

        assert!(!seen.contains("nap (waiting)"), "{seen}");
        assert!(seen.contains("✓"), "{seen}");
    }
}

#[test]
fn no_color_holds_at_a_terminal_too() {
    let seen = nap("NO_COLOR", "1");

    assert!(!seen.contains("\u{1b}[32m"), "{seen}");
}

#[test]
fn the_line_that_moves_never_wraps() {
    let checkout = Checkout::folder();
    let name = "n".repeat(40);
    checkout.write(
        "nap.yaml",
        &format!(
            "version: 1\nname: nap\nsteps:\n  {name}1: {{ sleep: 300ms }}\n  {name}2: {{ sleep: 300ms }}\n"
        ),
    );

    let seen = watch(&checkout, "LANG", "C.UTF-8");

    assert!(seen.contains(&format!("{name}1 (")), "{seen}");
    // One may be over before the other, and stand there alone; both together are too long.
    assert!(!seen.contains(&format!("{name}1 (waiting), {name}2 (waiting)")), "{seen}");
}
