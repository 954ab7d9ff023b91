//! What leaves the machine holds nothing that looks like a secret, accepted or not, on whichever side of a change.

use codeflow_analysis::{Diff, SecretScanner};

use crate::samples;

fn diff(body: &str, old: usize, new: usize) -> Diff {
    let head = format!("diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -1,{old} +1,{new} @@\n");
    Diff::parse("main", "topic", format!("{head}{body}").as_bytes())
}

#[test]
fn every_sample_is_masked_in_text_and_the_lines_stay_in_place() {
    for (rule, line) in samples::all() {
        let masked = SecretScanner::mask_text(&line);

        assert!(masked.places > 0, "{rule}: {line}");
        assert_eq!(masked.text.lines().count(), line.lines().count(), "{rule}");
        let scan = SecretScanner::default().scan_text("f", masked.text.as_bytes());
        assert_eq!(scan.findings, [], "{rule}: {}", masked.text);
        assert!(masked.text.contains("[masked secrets/"), "{rule}: {}", masked.text);
    }
}

#[test]
fn an_allowed_secret_is_masked_all_the_same() {
    let token = samples::github_token();
    let line = format!("token = {token} # codeflow:allow secrets/github-token it is revoked\n");

    let masked = SecretScanner::mask_text(&line);

    assert!(!masked.text.contains(&token[4..]), "{}", masked.text);
    assert_eq!(masked.places, 1);
}

#[test]
fn placeholders_and_plain_text_stay_as_they_are() {
    let text = "password = ${PASSWORD}\nlet x = 1;\r\n\ttabs, ünïcode\n";

    let masked = SecretScanner::mask_text(text);

    assert_eq!((masked.text.as_str(), masked.places), (text, 0));
}

#[test]
fn removed_and_unchanged_lines_of_a_diff_are_masked_as_well() {
    let (old, new) = (samples::github_token(), samples::aws_key_id());
    let mut diff = diff(&format!(" a = {old}\n-b = {old}\n+b = {new}\n c = 1\n"), 3, 3);

    let places = SecretScanner::mask_diff(&mut diff);

    let patch = &diff.files[0].patch;
    assert!(!patch.contains(&old[4..]) && !patch.contains(&new[4..]), "{patch}");
    assert_eq!(places, 3);
    let markers: String = patch.lines().filter_map(|line| line.chars().next()).collect();
    assert_eq!(markers, "@ -+ ");
    assert!(patch.ends_with(" c = 1\n"), "{patch}");
}

#[test]
fn a_key_over_many_lines_is_masked_line_by_line_on_both_sides() {
    let key = samples::private_key("\n");
    let side = |marker: &str| key.lines().map(|line| format!("{marker}{line}\n")).collect::<String>();
    let count = key.lines().count();
    let mut diff = diff(&format!("{}{}", side("-"), side("+")), count, count);
    let before = diff.files[0].patch.lines().count();

    SecretScanner::mask_diff(&mut diff);

    let patch = &diff.files[0].patch;
    assert_eq!(patch.lines().count(), before);
    assert!(key.lines().filter(|line| line.len() > 60).all(|line| !patch.contains(line)), "{patch}");
}

#[test]
fn a_secret_in_the_heading_of_a_hunk_is_masked() {
    let token = samples::github_token();
    let text = format!(
        "diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -9 +9 @@ const TOKEN: &str = \"{token}\";\n-a\n+b\n"
    );
    let mut diff = Diff::parse("main", "topic", text.as_bytes());

    let places = SecretScanner::mask_diff(&mut diff);

    assert!(!diff.files[0].patch.contains(&token[4..]));
    assert_eq!((places, diff.files[0].hunks().count()), (1, 1));
}

#[test]
fn a_diff_without_secrets_is_left_byte_for_byte() {
    let mut masked = diff("-a\r\n+b\n\\ No newline at end of file\n", 1, 1);
    let whole = masked.clone();

    assert_eq!(SecretScanner::mask_diff(&mut masked), 0);
    assert_eq!(masked, whole);
}
