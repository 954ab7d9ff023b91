//! Scanning what a diff adds: the right lines, their numbers in the new file, and nothing that was there before.

use codeflow_analysis::{Diff, SecretScan, SecretScanner, SuppressedBy};

use crate::repo::Repo;
use crate::samples;

fn scan_change(path: &str, before: &str, after: &str) -> (Repo, SecretScan) {
    let repo = Repo::new();
    repo.write(path, before);
    let base = repo.tree();
    repo.write(path, after);
    let head = repo.tree();
    let scan = SecretScanner::default().scan_diff(&repo.diff(&base, &head));
    (repo, scan)
}

fn numbered(count: u32) -> String {
    (1..=count).map(|n| format!("setting_{n} = {n}\n")).collect()
}

#[test]
fn an_added_secret_is_found_at_its_line_in_the_new_file() {
    let after =
        numbered(40).replace("setting_33 = 33\n", &format!("setting_33 = \"{}\"\n", samples::aws_key_id()));

    let (_repo, scan) = scan_change("conf/app.toml", &numbered(40), &after);

    assert_eq!(scan.findings.len(), 1);
    let finding = &scan.findings[0];
    assert_eq!((finding.path.as_str(), finding.line, finding.column), ("conf/app.toml", Some(33), Some(15)));
    assert_eq!(finding.rule, "secrets/aws-access-key-id");
}

#[test]
fn removed_and_unchanged_secrets_are_not_reported() {
    let secret = format!("k = \"{}\"\n", samples::github_token());
    let before = format!("a = 1\n{secret}b = 2\nid = {}\n", samples::aws_key_id());
    let after = format!("a = 1\n{secret}b = 3\n");

    let (_repo, scan) = scan_change("f", &before, &after);

    assert_eq!(scan, SecretScan::default());
}

#[test]
fn a_key_over_many_added_lines_is_found_with_its_extent() {
    let after = format!("{}{}\n", numbered(5), samples::private_key("\n"));

    let (_repo, scan) = scan_change("deploy key.pem", &numbered(5), &after);

    assert_eq!(scan.findings.len(), 1);
    assert_eq!(scan.findings[0].rule, "secrets/private-key");
    assert_eq!((scan.findings[0].line, scan.findings[0].end_line), (Some(6), Some(13)));
}

#[test]
fn an_unchanged_comment_above_allows_an_added_line() {
    let comment = "# codeflow:allow secrets/github-token a fixture\n";
    let after = format!("{comment}k = {}\n", samples::github_token());

    let (_repo, scan) = scan_change("f", &format!("{comment}k = 1\n"), &after);

    assert!(scan.findings.is_empty());
    assert_eq!(
        (scan.suppressed[0].by, scan.suppressed[0].reason.as_str()),
        (SuppressedBy::Comment, "a fixture")
    );
}

#[test]
fn every_file_of_a_change_is_scanned_under_its_new_name() {
    let repo = Repo::new();
    repo.write("moved.txt", numbered(30));
    let base = repo.tree();
    repo.remove("moved.txt");
    repo.write("it is here.txt", format!("{}k = {}\n", numbered(30), samples::github_token()));
    repo.write("windows.ini", format!("[a]\r\nk = {}\r\n", samples::aws_key_id()));
    repo.write("no-end", format!("k = {}", samples::aws_key_id()));
    let head = repo.tree();

    let scan = SecretScanner::default().scan_diff(&repo.diff(&base, &head));

    let seen: Vec<_> = scan.findings.iter().map(|f| (f.path.as_str(), f.line.unwrap())).collect();
    assert_eq!(seen, [("it is here.txt", 31), ("no-end", 1), ("windows.ini", 2)]);
}

#[test]
fn scanning_a_diff_that_added_a_file_finds_what_scanning_the_file_finds() {
    let text: String = samples::all().into_iter().map(|(_, line)| line).collect();
    let repo = Repo::new();
    let base = repo.tree();
    repo.write("f", &text);
    let head = repo.tree();

    let from_diff = SecretScanner::default().scan_diff(&repo.diff(&base, &head));
    let from_text = SecretScanner::default().scan_text("f", text.as_bytes());

    assert_eq!(from_diff, from_text);
    assert_eq!(from_text.findings.len(), samples::all().len());
}

#[test]
fn an_empty_diff_has_nothing_to_find() {
    assert_eq!(SecretScanner::default().scan_diff(&Diff::default()), SecretScan::default());
}
