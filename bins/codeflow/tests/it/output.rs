//! Colours, help, and readers that go away.

use std::process::Stdio;

use crate::support::{Checkout, said};

const COLOUR: char = '\u{1b}';

#[test]
fn a_pipe_gets_no_colours() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review"]).ends_with(0);

    assert!(!said.stdout.contains(COLOUR) && !said.stderr.contains(COLOUR), "{said:#?}");
}

#[test]
fn colours_can_be_forced_and_no_color_wins() {
    let checkout = Checkout::new();
    let mut forced = checkout.program(&["review"]);
    forced.env("CLICOLOR_FORCE", "1");
    let mut both = checkout.program(&["review"]);
    both.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");

    let forced = said(forced).ends_with(0);
    let both = said(both).ends_with(0);

    assert!(forced.stdout.contains(COLOUR), "{forced:#?}");
    assert!(!both.stdout.contains(COLOUR) && !both.stderr.contains(COLOUR), "{both:#?}");
}

#[test]
fn json_has_no_colours_even_if_they_are_forced() {
    let checkout = Checkout::new();
    let mut program = checkout.program(&["review", "--format", "json"]);
    program.env("CLICOLOR_FORCE", "1");

    said(program).ends_with(0).json();
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = Checkout::folder();
    let mut program = folder.program(&["workflow", "schema"]);
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let output = program.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output();

    let output = output.expect("the program can be run");

    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn every_command_has_help_with_examples() {
    let folder = Checkout::folder();
    let commands: [&[&str]; 17] = [
        &[],
        &["review"],
        &["run"],
        &["workflow", "validate"],
        &["workflow", "show"],
        &["workflow", "graph"],
        &["workflow", "schema"],
        &["execution", "list"],
        &["execution", "show"],
        &["execution", "watch"],
        &["execution", "resume"],
        &["execution", "cancel"],
        &["execution", "retry"],
        &["execution", "approve"],
        &["execution", "reject"],
        &["execution", "signal"],
        &["execution", "logs"],
    ];

    for command in commands {
        let help = folder.codeflow(&[command, &["--help"]].concat()).ends_with(0).stdout;
        assert!(help.contains("Examples:\n  codeflow "), "{command:?}: {help}");
    }
}

#[test]
fn an_unknown_command_is_wrong_use() {
    Checkout::folder().codeflow(&["reviw"]).ends_with(2);
}

#[test]
fn the_log_is_silent_until_it_is_asked_for() {
    let checkout = Checkout::new();

    let silent = checkout.codeflow(&["review"]).ends_with(0);
    let talkative = checkout.codeflow(&["review", "-vv"]).ends_with(0);

    assert!(!silent.stderr.contains("DEBUG"), "{silent:#?}");
    assert!(talkative.stderr.contains("DEBUG"), "{talkative:#?}");
    assert!(!talkative.stderr.contains(COLOUR), "{talkative:#?}");
    let wrong = checkout.codeflow(&["review", "--log", "a=b=c"]).ends_with(2);
    assert!(wrong.stderr.contains("cli.bad_value"), "{wrong:#?}");
}
