//! One change from git's output to the report, as a whole: what a reader sees for a planted key.

use codeflow_analysis::{
    Outcome, ReportFormat, Review, RiskScore, SecretScanner, Severity, Skipped, Verdict,
};

use crate::repo::Repo;
use crate::samples;

const CONFIG: &str = "[server]\nport = 8080\nhost = \"localhost\"\n";

/// A commit that adds a login, a key nobody should see, and a token that its author explains.
fn review() -> Review {
    let repo = Repo::new();
    repo.write("config/app.toml", CONFIG);
    repo.write("src/lib.rs", "pub mod login;\n");
    let base = repo.tree();
    let key = samples::aws_key_id();
    repo.write("config/app.toml", format!("{CONFIG}\n[storage]\naccess_key_id = \"{key}\"\n"));
    let code = (1..=30).map(|n| format!("pub fn step_{n}() -> u32 {{\n    {n}\n}}\n")).collect::<String>();
    repo.write("src/auth/login.rs", code);
    let token = samples::github_token();
    let comment = "// codeflow:allow secrets/github-token revoked long ago, the parser needs its shape";
    repo.write("src/parse.rs", format!("{comment}\nconst SAMPLE: &str = \"{token}\";\n"));
    let head = repo.tree();

    let diff = repo.diff(&base, &head);
    let scan = SecretScanner::default().scan_diff(&diff);
    let worst = scan.findings.iter().map(|finding| finding.severity).max();
    assert!(worst >= Some(Severity::High));
    Review {
        base: "main".to_owned(),
        head: "add-login".to_owned(),
        verdict: Verdict { outcome: Outcome::Fail, reasons: vec!["1 finding is high or worse".to_owned()] },
        findings: scan.findings,
        suppressed: scan.suppressed,
        risk: Some(RiskScore::assess(&diff)),
        totals: diff.totals,
        notes: vec![],
        omitted: diff.omitted,
        omitted_more: diff.omitted_more,
        models: vec![],
        skipped: vec![Skipped {
            step: "llm/review".to_owned(),
            reason: "no provider is configured".to_owned(),
        }],
    }
}

#[test]
fn a_planted_key_reads_well_in_the_terminal() {
    let wanted = "\
FAIL  main..add-login  3 files, +95 -0
      1 finding is high or worse

critical  config/app.toml:6:18  secrets/aws-access-key-id
          An AWS access key id is written into this file.
          | access_key_id = \"AKIA****KEY\"
          help: Treat it as leaked: revoke it where it was issued, keep the new one in a secret store, and take it out of the history before this is pushed.

Risk 27 of 100 (medium)
    +5  95 lines changed
    +2  3 files changed
    +2  spread over 3 folders
   +11  touches authentication (1 file, 90 lines)
    +7  no test changed with 95 lines of code

Suppressed
  src/parse.rs:2:23 secrets/github-token: revoked long ago, the parser needs its shape

Skipped
  llm/review: no provider is configured
";

    assert_eq!(review().render(ReportFormat::Text), wanted.replace("KEY", &samples::aws_key_id()[18..]));
}

#[test]
fn a_planted_key_reads_well_in_a_comment() {
    let shown = review().render(ReportFormat::Markdown);

    let head = "\
## Review: failed

` main..add-login ` (3 files, +95 -0)

- 1 finding is high or worse

### Findings

- **critical** ` config/app.toml:6:18 ` ` secrets/aws-access-key-id `: An AWS access key id is written into this file.  
  ` access_key_id = \"AKIA****KEY\" `  
";
    let wanted = head.replace("KEY", &samples::aws_key_id()[18..]);
    assert_eq!(shown.get(..wanted.len()), Some(wanted.as_str()), "{shown}");
    assert!(shown.contains("### Risk: 27 of 100 (medium)\n\n- +5: 95 lines changed\n"));
    assert!(
        shown
            .contains("### Suppressed\n\n- ` src/parse.rs:2:23 ` ` secrets/github-token `: revoked long ago")
    );
}
