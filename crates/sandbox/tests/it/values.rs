//! What reaches a command, and what comes back.

use codeflow_actions::{CommandErrorKind, CommandLimits, CommandRequest};
use codeflow_sandbox::Options;

use crate::support::{command, options, python, run, run_with, script};

#[tokio::test]
async fn arguments_reach_the_program_as_they_are_and_no_shell_reads_them() {
    let end = run(command("printf", &["%s|", "$(id)", "`id`", "; id", "a  b\n", "*", "ü"])).await;

    assert_eq!(end.exit_code, Some(0));
    assert_eq!(end.stdout.text, "$(id)|`id`|; id|a  b\n|*|ü|");
    assert_eq!((end.stdout.cut, end.stderr.text.as_str(), end.signal), (0, "", None));
}

#[tokio::test]
async fn standard_input_and_files_reach_the_program() {
    let request = CommandRequest {
        stdin: "from stdin\n".repeat(20_000),
        files: [("data.txt".to_owned(), "from a file".to_owned())].into(),
        ..script("wc -l; cat data.txt; pwd")
    };

    let end = run(request).await;

    assert_eq!(end.stdout.text, "20000\nfrom a file/workspace\n");
}

#[tokio::test]
async fn a_file_with_a_path_for_a_name_is_refused() {
    for name in ["../up", "/etc/passwd", "a/b", "", ".hidden", "zero\0"] {
        let files = [(name.to_owned(), String::new())].into();

        let refused = run_with(options(), CommandRequest { files, ..script("true") }).await;

        let kind = refused.map_err(|error| error.kind());
        assert_eq!(kind, Err(CommandErrorKind::Invalid), "{name:?}");
    }
}

#[tokio::test]
async fn an_exit_code_and_a_signal_are_told_apart() {
    let code = run(script("echo out; echo err >&2; exit 143")).await;
    let signal = run(script("kill -TERM $$")).await;

    assert_eq!((code.exit_code, code.signal), (Some(143), None));
    assert_eq!((code.stdout.text.as_str(), code.stderr.text.as_str()), ("out\n", "err\n"));
    assert_eq!((signal.exit_code, signal.signal), (None, Some(15)));
}

#[tokio::test]
async fn what_it_used_is_told() {
    let end = run(python("x = bytearray(64 << 20)\nsum(range(4_000_000))")).await;

    assert!(end.cpu.as_millis() >= 20, "{:?}", end.cpu);
    assert!((64 << 20..512 << 20).contains(&end.max_memory), "{}", end.max_memory);
}

#[tokio::test]
async fn a_program_that_is_not_there_has_an_error_of_its_own() {
    let error = run_with(options(), command("no-such-program-here", &[])).await.expect_err("there is none");

    assert_eq!(error.kind(), CommandErrorKind::NoProgram);
}

#[tokio::test]
async fn output_that_is_no_text_is_made_text() {
    let end = run(script(r"printf 'a\377\376b\000c'")).await;

    assert_eq!(end.stdout.text, "a\u{fffd}\u{fffd}b\0c");
}

#[tokio::test]
async fn of_endless_output_the_beginning_and_the_end_are_kept() {
    let limits = CommandLimits { output: Some(1_000), ..CommandLimits::default() };

    let end = run(CommandRequest { limits, ..script("echo first; seq 1000000; echo last") }).await;

    assert!(end.stdout.text.starts_with("first\n1\n2\n"), "{}", end.stdout.text);
    assert!(end.stdout.text.ends_with("1000000\nlast\n"), "{}", end.stdout.text);
    assert!(end.stdout.text.len() < 1_100 && end.stdout.cut > 6_000_000, "{}", end.stdout.cut);
}

#[tokio::test]
async fn it_may_not_ask_for_more_than_settings_allow() {
    let much = CommandLimits { memory: Some(1 << 40), ..CommandLimits::default() };
    let closed = Options { network: false, ..options() };

    let memory = run_with(options(), CommandRequest { limits: much, ..script("true") }).await;
    let network = run_with(closed, CommandRequest { network: true, ..script("true") }).await;

    assert_eq!(memory.expect_err("too much").kind(), CommandErrorKind::TooMuch);
    assert_eq!(network.expect_err("not allowed").kind(), CommandErrorKind::NetworkForbidden);
}
