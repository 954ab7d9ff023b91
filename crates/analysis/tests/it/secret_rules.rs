//! What each rule finds, and what none of them does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use codeflow_analysis::{SecretRule, SecretScan, SecretScanner};

use crate::samples;

fn scan(text: impl AsRef<[u8]>) -> SecretScan {
    SecretScanner::default().scan_text("some/file", text.as_ref())
}

/// The rules that spoke, without the common prefix.
fn rules(scan: &SecretScan) -> Vec<&str> {
    scan.findings.iter().map(|finding| finding.rule.trim_start_matches("secrets/")).collect()
}

#[test]
fn every_rule_finds_a_secret_of_its_shape_and_no_other_rule_repeats_it() {
    for (rule, line) in samples::all() {
        let scan = scan(format!("first line\n    {line}last line\n"));

        assert_eq!(rules(&scan), [rule], "{line}");
        assert_eq!(scan.findings[0].line, Some(2), "{rule}");
    }
}

#[test]
fn every_rule_has_a_sample_and_ids_are_unique() {
    let sampled: BTreeSet<String> =
        samples::all().iter().map(|(rule, _)| format!("secrets/{rule}")).collect();
    let known: Vec<String> = SecretRule::all().map(|rule| rule.id.to_owned()).collect();

    assert_eq!(known.iter().cloned().collect::<BTreeSet<_>>(), sampled);
    assert_eq!(known.len(), sampled.len());
    assert!(SecretRule::all().all(|rule| SecretRule::find(rule.id).is_some()));
}

#[test]
fn a_secret_is_found_in_quotes_in_json_and_between_bytes_that_are_no_text() {
    let token = samples::github_token();
    let wrappings = [
        format!("\"{token}\""),
        format!("'{token}',"),
        format!("{{\\\"t\\\":\\\"{token}\\\"}}"),
        format!("<t>{token}</t>"),
        format!("a={token}&b=1"),
        format!("({token})"),
    ];

    for wrapped in wrappings {
        assert_eq!(rules(&scan(&wrapped)), ["github-token"], "{wrapped}");
    }
    assert_eq!(rules(&scan([b"\xff\xfe\0", token.as_bytes(), b"\xe9"].concat())), ["github-token"]);
}

#[test]
fn what_only_resembles_a_secret_is_no_finding() {
    let innocent = [
        format!("x{}", samples::github_token()),
        format!("{}tail_that_goes_on", samples::aws_key_id()),
        "let password = read_password(&mut stdin)?;".to_owned(),
        "password: String,".to_owned(),
        "api_key = os.environ[\"SERVICE_API_KEY\"]".to_owned(),
        "secret = config.vault.secret_name".to_owned(),
        "token = \"application/json\"".to_owned(),
        "token: \"refresh-token-expired\"".to_owned(),
        "const SECRET_PATH = \"/etc/app/secret.json\";".to_owned(),
        "sha = \"da39a3ee5e6b4b0d3255bfef95601890afd80709\"".to_owned(),
        "https://user@example.org/path:8080".to_owned(),
        "see https://example.org/a:b and mail me@example.org".to_owned(),
        "-----BEGIN PRIVATE KEY-----\nput your key here\n-----END PRIVATE KEY-----".to_owned(),
        "Authorization: Bearer <token>".to_owned(),
        "password_token_secret_api_key".to_owned(),
    ];

    for line in innocent {
        let scan = scan(&line);
        assert_eq!(rules(&scan), Vec::<&str>::new(), "{line}");
    }
}

#[test]
fn a_key_over_many_lines_is_one_finding_with_its_extent() {
    let text = format!("a\n{}\nb\n", samples::private_key("\n"));

    let scan = scan(&text);

    assert_eq!(rules(&scan), ["private-key"]);
    assert_eq!((scan.findings[0].line, scan.findings[0].end_line), (Some(2), Some(9)));
}

#[test]
fn a_key_on_one_line_with_escapes_and_one_without_its_end_are_found() {
    let escaped = format!("{{\"private_key\": \"{}\\n\"}}", samples::private_key("\\n"));
    let whole = samples::private_key("\n");
    let cut = whole.split("-----END").next().unwrap();

    assert_eq!(rules(&scan(escaped)), ["private-key"]);
    assert_eq!(rules(&scan(cut)), ["private-key"]);
}

#[test]
fn several_secrets_in_one_line_are_all_found_and_all_masked() {
    let (key, token) = (samples::aws_key_id(), samples::github_token());
    let line = format!("creds = [\"{key}\", \"{token}\"]  # {key}\n");

    let scan = scan(&line);

    assert_eq!(rules(&scan), ["aws-access-key-id", "github-token", "aws-access-key-id"]);
    for shown in [serde_json::to_string(&scan).unwrap(), format!("{scan:?}")] {
        assert!(!shown.contains(&key) && !shown.contains(&token), "{shown}");
        assert!(!shown.contains(&key[5..15]) && !shown.contains(&token[5..20]), "{shown}");
    }
    assert!(scan.findings[0].excerpt.as_deref().unwrap().starts_with("creds = [\"AKIA****"));
}

#[test]
fn no_sample_shows_in_what_a_scan_prints() {
    for (rule, line) in samples::all() {
        let shown = format!("{:?}", scan(&line));

        let parts = line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| part.len() >= 14);
        for part in parts.filter(|part| !part.bytes().all(|byte| byte.is_ascii_digit())) {
            assert!(!shown.contains(part), "{rule} shows {part}: {shown}");
        }
    }
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let scan = scan(format!("é {}\r\n", samples::aws_key_id()));

    let finding = &scan.findings[0];
    assert_eq!((finding.path.as_str(), finding.line, finding.column), ("some/file", Some(1), Some(3)));
    assert_eq!(finding.message, "An AWS access key id is written into this file.");
    assert_eq!(finding.source, "core/secrets");
    assert!(finding.help.as_deref().unwrap().contains("revoke"));
}

#[test]
fn a_moved_secret_keeps_its_fingerprint_and_another_one_has_another() {
    let first = scan(format!("k = {}\n", samples::github_token()));
    let moved = scan(format!("\n\n  key = {}\n", samples::github_token()));
    let reversed: String =
        samples::github_token().chars().skip(4).collect::<Vec<_>>().into_iter().rev().collect();
    let other = scan(format!("k = {}_{reversed}\n", "ghp"));

    assert_eq!(first.findings[0].fingerprint, moved.findings[0].fingerprint);
    assert_ne!(first.findings[0].fingerprint, other.findings[0].fingerprint);
}

#[test]
fn a_text_of_nothing_but_secrets_is_bounded() {
    let text = format!("{}\n", samples::aws_key_id()).repeat(30_000);

    let scan = scan(text);

    assert_eq!(scan.findings.len(), SecretScanner::MAX_FINDINGS);
    assert_eq!(scan.more as usize + scan.findings.len(), 30_000);
}

#[test]
fn no_number_of_placeholders_hides_a_secret_behind_them() {
    let placeholder = concat!("AKIA", "IOSFODNN7", "EXAMPLE");
    let text = format!("{}{}\n", format!("{placeholder}\n").repeat(30_000), samples::aws_key_id());

    let scan = scan(text);

    assert_eq!(scan.findings.len(), 1);
    assert_eq!(scan.suppressed.len(), SecretScanner::MAX_FINDINGS);
}

#[test]
fn text_made_to_be_slow_is_not() {
    let token = samples::github_token();
    let texts = [
        "-----BEGIN PRIVATE KEY-----\n".repeat(20_000),
        format!("{token} ").repeat(20_000),
        format!("{}{}", "codeflow:allow ".repeat(20_000), format!("{token} ").repeat(3000)),
        "password = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaa\" secret aws bearer\n".repeat(10_000),
        "token=\"x sv=sr=sp= eyJ aws :// twilio datadog ".repeat(10_000),
    ];

    for text in texts {
        let begin = Instant::now();
        scan(&text);
        // Far more than it takes: this is about time that grows with the square of the length.
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?} {:?}", &text[..40], begin.elapsed());
    }
}
