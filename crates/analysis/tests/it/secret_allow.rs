//! What is excused, by whom, and that the reason is kept.

use codeflow_analysis::{Baseline, ErrorKind, SecretScan, SecretScanner, SuppressedBy};

use crate::samples;

fn scan(text: impl AsRef<[u8]>) -> SecretScan {
    SecretScanner::default().scan_text("f", text.as_ref())
}

fn excused(scan: &SecretScan) -> Vec<(SuppressedBy, &str)> {
    assert!(scan.findings.is_empty(), "{scan:?}");
    scan.suppressed.iter().map(|entry| (entry.by, entry.reason.as_str())).collect()
}

#[test]
fn examples_from_vendors_are_suppressed_with_that_reason() {
    let id = concat!("AKIA", "IOSFODNN7", "EXAMPLE");
    let secret = concat!("wJalrXUtnFEMI", "/K7MDENG/", "bPxRfiCYEXAMPLEKEY");

    let scan = scan(format!("id = {id}\naws_secret_access_key = {secret}\n"));

    let reason = "an example from the vendor's documents";
    assert_eq!(excused(&scan), [(SuppressedBy::Placeholder, reason), (SuppressedBy::Placeholder, reason)]);
}

#[test]
fn a_common_word_inside_a_secret_excuses_nothing() {
    for word in ["EXAMPLE", "TEST", "SAMPLE", "DUMMY", "XXXX"] {
        let key = format!("{}{word}{}", "AKIA", &samples::aws_key_id()[4..20 - word.len()]);

        let scan = scan(format!("id = {key}\n"));

        assert_eq!(scan.findings.len(), 1, "{word}");
    }
    for password in ["s3cr3t-example", "$ecretP4ss", "%40dmin-77", "{half"] {
        let url = format!("postgres://app:{password}@db/x\n");
        assert_eq!(scan(url).findings.len(), 1, "{password}");
    }
}

#[test]
fn templates_and_fillers_are_suppressed() {
    let lines = [
        format!("url = postgres://app:{}@db/x", "${DB_PASSWORD}"),
        format!("url = postgres://app:{}@db/x", "{{ password }}".replace(' ', "")),
        format!("url = postgres://app:{}@db/x", "$PASSWORD"),
        format!("url = postgres://app:{}@db/x", "changeme"),
        format!("k = {}_live_{}", "sk", "abcdefghijklmnopqrstuvwxyz012345"),
    ];

    for line in lines {
        assert_eq!(excused(&scan(&line)).len(), 1, "{line}");
    }
}

#[test]
fn a_comment_on_the_line_allows_one_rule_and_keeps_the_reason() {
    let line =
        format!("k = \"{}\" # codeflow:allow secrets/github-token revoked in May\n", samples::github_token());

    assert_eq!(excused(&scan(line)), [(SuppressedBy::Comment, "revoked in May")]);
}

#[test]
fn a_comment_alone_on_the_line_before_allows_the_next_line() {
    for comment in ["// {}", "<!-- {} -->", "/* {} */", "  # {}", "-- {}"] {
        let comment = comment.replace("{}", "codeflow:allow secrets/github-token only a test");

        let scan = scan(format!("{comment}\nk = {}\n", samples::github_token()));

        assert_eq!(excused(&scan), [(SuppressedBy::Comment, "only a test")], "{comment}");
    }
}

#[test]
fn a_comment_that_does_not_fit_allows_nothing() {
    let token = samples::github_token();
    let texts = [
        format!("k = {token} # codeflow:allow secrets/github-token\n"),
        format!("k = {token} # codeflow:allow secrets/gitlab-token wrong rule\n"),
        format!("k = {token} # codeflow:allow all of them\n"),
        format!("k = {token} # codeflow:allowsecrets/github-token glued\n"),
        format!("# codeflow:allow secrets/github-token too far\n\nk = {token}\n"),
        format!("k = {token}\n# codeflow:allow secrets/github-token too late\n"),
        format!("other = 1 # codeflow:allow secrets/github-token meant for its own line\nk = {token}\n"),
    ];

    for text in texts {
        assert_eq!(scan(&text).findings.len(), 1, "{text}");
    }
}

#[test]
fn a_baseline_suppresses_what_it_lists_and_nothing_new() {
    let old = format!("k = {}\n", samples::github_token());
    let baseline = Baseline::from_findings(&scan(&old).findings, "revoked, kept for history");
    let read = Baseline::parse(baseline.to_json().as_bytes()).unwrap();
    assert_eq!((read.len(), read.is_empty()), (1, false));
    assert_eq!(read, baseline);

    let text = format!("\n{old}id = {}\n", samples::aws_key_id());
    let scan = SecretScanner::with_baseline(read).scan_text("f", text.as_bytes());

    assert_eq!(scan.findings.len(), 1);
    assert_eq!(scan.findings[0].rule, "secrets/aws-access-key-id");
    assert_eq!(scan.suppressed[0].by, SuppressedBy::Baseline);
    assert_eq!(scan.suppressed[0].reason, "revoked, kept for history");
}

#[test]
fn the_same_secret_in_another_file_is_not_in_the_baseline() {
    let text = format!("k = {}\n", samples::github_token());
    let baseline = Baseline::from_findings(&scan(&text).findings, "known");

    let scan = SecretScanner::with_baseline(baseline).scan_text("g", text.as_bytes());

    assert_eq!(scan.findings.len(), 1);
}

#[test]
fn a_baseline_that_cannot_be_trusted_is_refused() {
    let entry = |reason: &str| {
        format!(
            r#"{{"version":1,"findings":[{{"fingerprint":"0","rule":"r","path":"p","reason":"{reason}"}}]}}"#
        )
    };
    assert!(Baseline::parse(entry("fine").as_bytes()).is_ok());
    let refused = [
        (entry(" "), "the baseline gives no reason for `r` in `p`"),
        (r#"{"version":2,"findings":[]}"#.to_owned(), "the baseline has version 2, and only 1 is known"),
        (r#"{"version":1,"findings":[],"extra":1}"#.to_owned(), "could not read the baseline of findings"),
        ("not json".to_owned(), "could not read the baseline of findings"),
    ];

    for (text, message) in refused {
        let error = Baseline::parse(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::BadBaseline, "analysis.bad_baseline"));
        assert_eq!(error.to_string(), message);
    }
}
