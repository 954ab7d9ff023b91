//! Verdicts on reports of reached lines.

use std::{fmt::Write, path::Path};

use xtask::{Coverage, judge_coverage};

const GATES: &str =
    "default = 80\nexclude = [\"crates/testkit\"]\n[gates]\n\"crates/core/src/execution\" = 95\n";

/// LLVM's report of some files below `/project`: path, lines, lines reached.
fn judged(gates: &str, files: &[(&str, u64, u64)]) -> anyhow::Result<Coverage> {
    let mut list = String::new();
    for (path, count, covered) in files {
        let separator = if list.is_empty() { "" } else { "," };
        write!(
            list,
            r#"{separator}{{"filename":"/project/{path}","summary":{{"lines":{{"count":{count},"covered":{covered},"percent":0}}}}}}"#
        )?;
    }
    judge_coverage(
        gates,
        &format!(r#"{{"data":[{{"files":[{list}],"totals":{{}}}}]}}"#),
        Path::new("/project"),
    )
}

#[test]
fn a_crate_is_held_to_the_gate_over_all_its_files() {
    let execution = ("crates/core/src/execution.rs", 100, 95);
    let met =
        judged(GATES, &[execution, ("crates/expr/src/a.rs", 50, 30), ("crates/expr/src/a/b.rs", 50, 50)]);
    assert_eq!(met.expect("the report is understood").missed(), Vec::<&str>::new());

    let missed =
        judged(GATES, &[execution, ("crates/expr/src/a.rs", 50, 29), ("crates/expr/src/a/b.rs", 50, 50)]);

    assert_eq!(missed.expect("the report is understood").missed(), ["crates/expr"]);
}

#[test]
fn a_path_with_a_gate_of_its_own_covers_the_module_and_its_folder() {
    let files = [
        ("crates/core/src/execution.rs", 50, 50),
        ("crates/core/src/execution/step.rs", 50, 40),
        ("crates/core/src/ids.rs", 900, 900),
    ];

    let coverage = judged(GATES, &files).expect("the report is understood");

    assert_eq!(coverage.missed(), ["crates/core/src/execution"]);
    assert!((coverage.total() - 99.0).abs() < 1e-9);
}

#[test]
fn tests_tools_and_mains_do_not_count() {
    let files = [
        ("crates/core/src/execution.rs", 100, 100),
        ("crates/core/tests/it/main.rs", 100, 0),
        ("crates/testkit/src/lib.rs", 100, 0),
        ("bins/codeflow/src/main.rs", 100, 0),
        ("xtask/src/lib.rs", 100, 0),
        ("../elsewhere/src/lib.rs", 100, 0),
    ];

    let coverage = judged(GATES, &files).expect("the report is understood");

    assert_eq!(coverage.missed(), Vec::<&str>::new());
    assert!((coverage.total() - 100.0).abs() < 1e-9);
}

#[test]
fn a_gate_on_a_path_that_does_not_exist_is_an_error() {
    let outcome = judged(GATES, &[("crates/core/src/ids.rs", 100, 100)]);

    let error = outcome.map(|_| ()).expect_err("nothing was measured there");
    assert_eq!(
        error.to_string(),
        "coverage.toml has a gate for `crates/core/src/execution`, where nothing was measured"
    );
}

#[test]
fn a_report_without_lines_is_an_error_and_no_success() {
    let outcome = judged("default = 80\nexclude = []\n[gates]\n", &[]);

    assert!(outcome.is_err());
}

#[test]
fn the_table_points_at_what_is_too_low() {
    let gates = "default = 80\nexclude = []\n[gates]\n";
    let coverage = judged(gates, &[("crates/a/src/lib.rs", 3, 1), ("crates/b/src/lib.rs", 97, 97)]);

    let table = coverage.expect("the report is understood").to_string();
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        [
            "              lines reached percent  gate",
            "crates/a          3       1   33.33    80  TOO LOW",
            "crates/b         97      97  100.00    80",
            "all crates      100      98   98.00    80",
        ]
    );
}
