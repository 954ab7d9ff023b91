//! `git/diff` asks the repository for what the step wants, and tells what was left out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use codeflow_actions::{Catalog, Dependencies, NoModels, RepositoryError, RepositoryErrorKind};
use codeflow_analysis::DiffLimits;
use codeflow_core::{ActionError, ActionErrorKind, ActionOutcome};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Fixed, call, done};

async fn diff(repository: &Arc<Fixed>, inputs: Value) -> Result<ActionOutcome, ActionError> {
    let catalog =
        Catalog::builtin(Dependencies { repository: repository.clone(), models: Arc::new(NoModels) });
    catalog.run(call("git/diff", inputs, vec![]), CancellationToken::new()).await
}

fn repository(text: &str) -> Arc<Fixed> {
    Arc::new(Fixed { text: text.as_bytes().to_vec(), ..Fixed::default() })
}

#[tokio::test]
async fn the_last_commit_is_meant_unless_the_step_says_otherwise() {
    let repository = repository("");

    done(diff(&repository, json!({})).await);
    done(diff(&repository, json!({ "range": "a...b", "repo": "there", "max_bytes": 5000 })).await);

    let asked = repository.asked.lock().unwrap();
    assert_eq!((asked[0].range.as_str(), &asked[0].repo), ("HEAD~1..HEAD", &None));
    assert_eq!((asked[0].limits, asked[0].timeout), (DiffLimits::default(), Duration::from_secs(60)));
    assert_eq!((asked[1].range.as_str(), asked[1].repo.as_deref()), ("a...b", Some(Path::new("there"))));
    assert_eq!((asked[1].limits.total_bytes, asked[1].limits.file_bytes), (5000, 5000));
}

#[tokio::test]
async fn a_limit_out_of_bounds_is_an_invalid_input() {
    for wrong in [json!(0), json!(-1), json!((16 << 20) + 1), json!(u64::MAX)] {
        let error = diff(&repository(""), json!({ "max_bytes": wrong })).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput);
        assert!(error.message.contains("`max_bytes`"), "{error}");
    }
}

#[tokio::test]
async fn the_outputs_name_both_sides_the_size_and_what_was_not_looked_at() {
    let long = "x".repeat(100_000);
    let text = format!(
        "diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -1 +1,2 @@\n-1\n+2\n+{long}\n\
         diff --git a/i b/i\nnew file mode 100644\nindex 0..1\nBinary files /dev/null and b/i differ\n\
         diff --git a/j b/j\nindex 0..1 100644\nBinary files a/j and b/j differ\n"
    );

    let outputs = done(diff(&repository(&text), json!({})).await);

    assert_eq!(
        outputs["summary"],
        json!({ "files": 3, "additions": 2, "deletions": 1, "base": "b".repeat(40), "head": "h".repeat(40) })
    );
    assert_eq!(outputs["diff"]["base"], "base");
    assert_eq!(outputs["omitted"][0]["reason"], "line_too_long");
    assert_eq!(outputs["notes"], json!(["odd", "2 changed files are binary, and nobody looked into them"]));
}

#[test]
fn every_failure_of_a_repository_becomes_one_of_the_step() {
    use ActionErrorKind as Action;
    use RepositoryErrorKind as Kind;
    let kinds = [
        (Kind::NotARepository, Action::InvalidInput, "git.not_a_repository"),
        (Kind::Untrusted, Action::Failed, "git.untrusted_repository"),
        (Kind::NoCommits, Action::Failed, "git.no_commits"),
        (Kind::InvalidRange, Action::InvalidInput, "git.invalid_range"),
        (Kind::UnknownRevision, Action::InvalidInput, "git.unknown_revision"),
        (Kind::NoMergeBase, Action::InvalidInput, "git.no_merge_base"),
        (Kind::NotInstalled, Action::Failed, "git.not_installed"),
        (Kind::Timeout, Action::Timeout, "git.timeout"),
        (Kind::Cancelled, Action::Cancelled, "action.cancelled"),
        (Kind::Failed, Action::Failed, "git.failed"),
    ];
    for (kind, expected, code) in kinds {
        let cause = RepositoryError::new(kind, "it went wrong").with_source("a cause with a secret");
        assert_eq!((cause.kind(), cause.code()), (kind, code));

        let error = ActionError::from(cause);

        assert_eq!(
            (error.kind, error.code.as_str(), error.message.as_str()),
            (expected, code, "it went wrong")
        );
    }
}
