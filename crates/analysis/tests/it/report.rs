//! How a review looks, and that nothing from outside can act through it.

use codeflow_analysis::{
    Diff, Finding, ModelUse, Omitted, OmittedReason, Outcome, ReportFormat, Review, RiskScore, SecretScanner,
    Severity, Skipped, Suppressed, SuppressedBy, Totals, Verdict,
};

use crate::samples;

pub(crate) fn finding(severity: Severity, path: &str, line: Option<u32>) -> Finding {
    Finding {
        rule: "checks/example".to_owned(),
        severity,
        path: path.to_owned(),
        line,
        column: line.map(|_| 7),
        end_line: line,
        message: "This should not be here.".to_owned(),
        excerpt: Some("let x = 1;".to_owned()),
        fingerprint: Finding::fingerprint_of("checks/example", path, b"x"),
        source: "core/example".to_owned(),
        help: Some("Remove it.".to_owned()),
        model: None,
    }
}

/// A review with something in every part.
pub(crate) fn full_review() -> Review {
    Review {
        base: "main".to_owned(),
        head: "topic".to_owned(),
        verdict: Verdict { outcome: Outcome::Fail, reasons: vec!["1 finding is high or worse".to_owned()] },
        findings: vec![
            finding(Severity::Low, "src/b.rs", Some(9)),
            finding(Severity::High, "src/a b.rs", Some(3)),
            finding(Severity::Low, "LICENSE", None),
        ],
        suppressed: vec![Suppressed {
            finding: finding(Severity::Medium, "src/old.rs", Some(1)),
            by: SuppressedBy::Comment,
            reason: "a fixture".to_owned(),
        }],
        risk: Some(RiskScore::assess(&Diff::parse(
            "",
            "",
            b"diff --git a/auth.rs b/auth.rs\nold mode 100644\nnew mode 100755\n",
        ))),
        totals: Totals { files: 3, additions: 12, deletions: 4, bytes: 900 },
        notes: vec!["The baseline is empty.".to_owned()],
        omitted: vec![Omitted { path: "big.bin".to_owned(), reason: OmittedReason::FileTooLarge, bytes: 77 }],
        omitted_more: 2,
        models: vec![],
        skipped: vec![Skipped {
            step: "llm/review".to_owned(),
            reason: "no provider is configured".to_owned(),
        }],
    }
}

fn hostile(text: &str) -> Review {
    let mut bad = finding(Severity::High, text, Some(1));
    bad.message = text.to_owned();
    bad.excerpt = Some(text.to_owned());
    bad.help = Some(text.to_owned());
    bad.rule = text.to_owned();
    bad.model = Some(text.to_owned());
    let used = ModelUse {
        provider: text.to_owned(),
        model: text.to_owned(),
        cost: None,
        estimated: false,
        cached: false,
    };
    Review {
        models: vec![used],
        base: text.to_owned(),
        head: text.to_owned(),
        verdict: Verdict { outcome: Outcome::Pass, reasons: vec![text.to_owned()] },
        findings: vec![bad.clone()],
        suppressed: vec![Suppressed { finding: bad, by: SuppressedBy::Baseline, reason: text.to_owned() }],
        notes: vec![text.to_owned()],
        omitted: vec![Omitted { path: text.to_owned(), reason: OmittedReason::DiffTooLarge, bytes: 1 }],
        skipped: vec![Skipped { step: text.to_owned(), reason: text.to_owned() }],
        ..full_review()
    }
}

#[test]
fn the_text_report_puts_the_verdict_first_and_the_worst_finding_next() {
    let text = full_review().render(ReportFormat::Text);

    let wanted = "\
FAIL  main..topic  3 files, +12 -4
      1 finding is high or worse

high      src/a b.rs:3:7  checks/example
          This should not be here.
          | let x = 1;
          help: Remove it.

low       LICENSE  checks/example
          This should not be here.
          | let x = 1;
          help: Remove it.

low       src/b.rs:9:7  checks/example
          This should not be here.
          | let x = 1;
          help: Remove it.

Risk 11 of 100 (low)
    +8  touches authentication (1 file, 0 lines)
    +3  makes a file executable

Suppressed
  src/old.rs:1:7 checks/example: a fixture

Not looked at
  big.bin: its patch is larger than the limit for one file (77 bytes)
  and 2 more

Skipped
  llm/review: no provider is configured

Notes
  The baseline is empty.
";
    assert_eq!(text, wanted);
}

#[test]
fn a_clean_review_says_so() {
    let review = Review { findings: vec![], risk: None, ..full_review() };

    for format in [ReportFormat::Text, ReportFormat::Markdown] {
        let shown = review.render(format);
        assert!(shown.contains("No findings."));
        assert!(!shown.contains("Risk"));
    }
}

#[test]
fn a_long_list_is_cut_and_the_rest_counted() {
    let suppressed = vec![full_review().suppressed.remove(0); 120];
    let review = Review { suppressed, ..full_review() };

    assert!(review.render(ReportFormat::Text).contains("  and 100 more\n"));
    assert!(review.render(ReportFormat::Markdown).contains("- and 70 more\n"));
}

#[test]
fn the_json_report_is_the_review_itself() {
    let review = full_review();

    let read: Review = serde_json::from_str(&review.render(ReportFormat::Json)).unwrap();

    assert_eq!(read, review);
}

#[test]
fn terminal_controls_from_outside_do_not_reach_the_terminal() {
    let text = hostile("a\x1b[31mred\x07\r\nFAKE\u{202e}txt\u{9b}").render(ReportFormat::Text);

    assert!(text.contains("red"));
    assert!(text.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("FAKE")));
}

#[test]
fn a_markdown_report_neutralises_marks_html_mentions_references_and_links() {
    let hostile_text =
        "<img src=x> @octocat #12 `code` **bold** [x](http://e.org) www.e.org ``` \n# title\n- item | &amp;";

    let shown = hostile(hostile_text).render(ReportFormat::Markdown);

    // Whatever stands in a code span is inert; what is left over must be inert by itself.
    let running = without_code_spans(&shown);
    for active in ["<img", "@octocat", "#12", "**bold", "](http", "http://", "www.e", "\n# title", "\n- item"]
    {
        assert!(!running.contains(active), "{active} in {running}");
    }
    assert!(running.contains("&lt;img"));
}

/// Removes code spans the way a Markdown reader finds them: a run of backticks up to the next run of equal length.
fn without_code_spans(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let run = from.len() - from.trim_start_matches('`').len();
        let (fence, inside) = from.split_at(run);
        if before.ends_with('\\') {
            out.push_str(fence);
            rest = inside;
            continue;
        }
        let mut end = 0;
        loop {
            let next = inside[end..].find('`').map(|next| end + next).expect("every code span is closed");
            let length = inside[next..].len() - inside[next..].trim_start_matches('`').len();
            end = next + length;
            if length == run {
                break;
            }
        }
        assert!(!inside[..end].contains('\n'), "a code span reaches over a line: {}", &inside[..end]);
        rest = &inside[end..];
    }
    out + rest
}

#[test]
fn a_secret_found_in_a_scan_shows_in_no_format() {
    let token = samples::github_token();
    let scan = SecretScanner::default().scan_text("f", format!("k = {token}\n").as_bytes());
    let review = Review { findings: scan.findings, ..full_review() };

    for format in ReportFormat::ALL {
        let shown = review.render(format);
        assert!(shown.contains("secrets/github-token"), "{format}");
        assert!(!shown.contains(&token[6..30]), "{format}");
    }
}
