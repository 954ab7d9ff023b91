//! What reaches a command, and what comes back.

use std::time::Duration;

use codeflow_actions::{CommandErrorKind, CommandRequest};

use crate::support::{command, options, run, run_with, script};

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

    assert_eq!(end.stdout.text, "20000\nfrom a file/work\n");
}
