//! How a change is scored, line by line, and what holds for every score.

use codeflow_analysis::{Diff, FileDiff, FileKind, FileStatus, RiskLevel, RiskScore};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

fn file(path: &str, additions: u64, deletions: u64) -> FileDiff {
    FileDiff {
        path: path.to_owned(),
        path_escaped: false,
        old_path: None,
        status: FileStatus::Modified,
        kind: FileKind::Text,
        old_mode: Some("100644".to_owned()),
        new_mode: Some("100644".to_owned()),
        additions,
        deletions,
        patch: String::new(),
        lossy: false,
        cut: false,
    }
}

fn diff(files: Vec<FileDiff>) -> Diff {
    let mut diff = Diff { files, ..Diff::default() };
    diff.totals.files = diff.files.len() as u64;
    diff.totals.additions = diff.files.iter().map(|file| file.additions).sum();
    diff.totals.deletions = diff.files.iter().map(|file| file.deletions).sum();
    diff
}

fn assess(files: Vec<FileDiff>) -> RiskScore {
    RiskScore::assess(&diff(files))
}

/// The points of the line that contains these words, or 0 if there is none.
fn points(score: &RiskScore, words: &str) -> i32 {
    score.lines.iter().find(|line| line.what.contains(words)).map_or(0, |line| line.points)
}

#[test]
fn an_empty_change_and_a_typo_in_a_document_are_harmless() {
    assert_eq!(assess(vec![]), RiskScore { score: 0, level: RiskLevel::Low, lines: vec![] });
    assert_eq!(assess(vec![file("README.md", 1, 1)]).score, 0);
}

#[test]
fn each_sensitive_area_is_named_with_what_was_touched() {
    let areas = [
        ("src/auth/login.rs", "authentication"),
        ("lib/TLS.go", "cryptography"),
        ("db/migrations/0002_add.sql", "database migrations"),
        ("app/billing/invoice.py", "payments"),
        ("deploy/main.tf", "infrastructure"),
        ("api/rbac.rs", "permissions"),
    ];

    for (path, area) in areas {
        let score = assess(vec![file(path, 3, 2)]);

        assert_eq!(points(&score, &format!("touches {area} (1 file, 5 lines)")), 8, "{score:?}");
    }
}

#[test]
fn tests_and_documents_about_a_sensitive_area_are_not_in_it() {
    for path in ["tests/auth_login.rs", "docs/auth.md", "src/author.rs", "src/tokenizer.rs"] {
        assert_eq!(points(&assess(vec![file(path, 5, 5)]), "touches"), 0, "{path}");
    }
}

#[test]
fn leaving_a_sensitive_area_counts_as_touching_it() {
    let moved = FileDiff { old_path: Some("src/auth/a.rs".to_owned()), ..file("src/other/a.rs", 1, 1) };

    assert_eq!(points(&assess(vec![moved]), "authentication"), 8);
}

#[test]
fn dependencies_and_pipelines_are_counted_and_locked_lines_are_no_size() {
    let score = assess(vec![
        file("crates/x/Cargo.toml", 1, 1),
        file("Cargo.lock", 5000, 5000),
        file(".github/workflows/ci.yml", 2, 0),
        file("requirements-dev.txt", 1, 0),
    ]);

    assert_eq!(points(&score, "which dependencies are used (2 files)"), 6);
    assert_eq!(points(&score, "locked versions"), 3);
    assert_eq!(points(&score, "build pipeline"), 10);
    assert_eq!(points(&score, "lines changed"), 0);
}

#[test]
fn code_without_tests_costs_and_tests_pay() {
    let code = file("src/lib.rs", 60, 0);

    let without = assess(vec![code.clone()]);
    let with = assess(vec![code.clone(), file("tests/it/lib.rs", 5, 0)]);
    let deleted = FileDiff { status: FileStatus::Deleted, ..file("tests/it/lib.rs", 0, 5) };
    let with_deleted = assess(vec![code, deleted]);

    assert_eq!(points(&without, "no test changed with 60 lines of code"), 7);
    assert_eq!(points(&with, "1 test changed with it"), -8);
    assert!(with.score < without.score);
    assert!(with_deleted.score > without.score);
}

#[test]
fn odd_changes_are_pointed_out() {
    let change = |status, kind| FileDiff { status, kind, ..file("x", 0, 0) };
    let executable = FileDiff { new_mode: Some("100755".to_owned()), ..file("run", 0, 0) };
    let mut whole = diff(vec![
        change(FileStatus::Deleted, FileKind::Text),
        change(FileStatus::Added, FileKind::Binary),
        change(FileStatus::Modified, FileKind::Submodule),
        change(FileStatus::TypeChanged, FileKind::Symlink),
        executable,
    ]);
    whole.omitted = Diff::parse("", "", b"").omitted;
    let before = RiskScore::assess(&whole);
    whole.omitted.push(codeflow_analysis::Omitted {
        path: "big".to_owned(),
        reason: codeflow_analysis::OmittedReason::FileTooLarge,
        bytes: 1,
    });

    let score = RiskScore::assess(&whole);

    for (words, wanted) in [
        ("1 file deleted", 2),
        ("1 binary file", 4),
        ("submodule", 5),
        ("symbolic link", 3),
        ("executable", 3),
        ("too large", 5),
    ] {
        assert_eq!(points(&score, words), wanted, "{score:?}");
    }
    assert_eq!(score.score, before.score + 5);
}

#[test]
fn a_huge_change_everywhere_is_critical_and_stops_at_a_hundred() {
    let folders = ["auth", "crypto", "migrations", "payments", "terraform", "rbac", ".github/workflows"];
    let files =
        folders.iter().flat_map(|folder| (0..40).map(move |n| file(&format!("{folder}/{n}.rs"), 100, 100)));

    let score = assess(files.collect());

    assert_eq!((score.score, score.level), (100, RiskLevel::Critical));
    assert_eq!(score.level.as_str(), "critical");
}

fn some_file() -> impl Strategy<Value = FileDiff> {
    let path = select(
        &[
            "src/a.rs",
            "src/b/c.rs",
            "lib/auth/x.go",
            "docs/x.md",
            "Cargo.toml",
            "Cargo.lock",
            ".ci/run",
            "db/migrations/1.sql",
            "assets/logo.png",
            "deep/er/and/deeper/f.py",
        ][..],
    );
    let status = select(&[FileStatus::Added, FileStatus::Modified, FileStatus::Deleted][..]);
    let kind = prop_oneof![9 => Just(FileKind::Text), 1 => Just(FileKind::Binary)];
    (path, status, kind, 0u64..900, 0u64..900).prop_map(|(path, status, kind, added, removed)| FileDiff {
        status,
        kind,
        ..file(path, added, removed)
    })
}

proptest! {
    #[test]
    fn another_changed_file_never_lowers_the_score(
        mut files in vec(some_file(), 0..20),
        tested in any::<bool>(),
        more in some_file(),
    ) {
        if tested {
            files.push(file("tests/a.rs", 5, 5));
        }
        let before = assess(files.clone());
        files.push(more);

        prop_assert!(assess(files).score >= before.score);
    }

    #[test]
    fn more_changed_lines_never_lower_the_score(mut files in vec(some_file(), 1..20), more in 1u64..5000) {
        let before = assess(files.clone());
        files[0].additions += more;

        prop_assert!(assess(files).score >= before.score);
    }

    #[test]
    fn the_lines_add_up_and_the_order_of_files_does_not_matter(files in vec(some_file(), 0..20)) {
        let score = assess(files.clone());
        let sum: i32 = score.lines.iter().map(|line| line.points).sum();

        prop_assert_eq!(i32::from(score.score), sum.clamp(0, 100));
        prop_assert_eq!(assess(files.into_iter().rev().collect()), score);
    }
}
