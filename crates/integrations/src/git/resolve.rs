//! Turns the names in a range into the two objects to compare, and says what is unusual about them.

use codeflow_actions::{RepositoryError, RepositoryErrorKind};

use crate::git::process::Git;
use crate::git::range::{Range, Revision};

/// How many digits of an id people are shown.
const SHORT: usize = 12;

/// The two sides of a comparison.
pub(super) struct Ends {
    pub(super) base: End,
    pub(super) head: End,
    pub(super) notes: Vec<String>,
}

/// One side of a comparison.
pub(super) struct End {
    /// The full id.
    pub(super) id: String,
    /// What people call it.
    pub(super) label: String,
}

impl End {
    fn commit(id: String) -> Self {
        let label = id.chars().take(SHORT).collect();
        Self { id, label }
    }
}

/// Finds both sides of a range.
pub(super) async fn ends(git: &Git, range: &Range) -> Result<Ends, RepositoryError> {
    match range {
        Range::Commit(revision) => {
            let head = commit(git, revision).await?;
            let parent = find(git, &format!("{head}^1")).await?;
            match parent {
                Some(parent) => Ok(between(parent, head)),
                None => whole(git, head, revision.as_str()).await,
            }
        }
        Range::Between(from, to) => {
            let head = commit(git, to).await?;
            match find(git, from.as_str()).await? {
                Some(base) => Ok(between(base, head)),
                None => missing_base(git, from, head).await,
            }
        }
        Range::SinceFork(from, to) => {
            let (from, head) = (commit(git, from).await?, commit(git, to).await?);
            Ok(between(merge_base(git, &from, &head).await?, head))
        }
    }
}

fn between(base: String, head: String) -> Ends {
    Ends { base: End::commit(base), head: End::commit(head), notes: Vec::new() }
}

/// A base that is a parent of a commit may lie before the beginning of history; then everything is new.
async fn missing_base(git: &Git, from: &Revision, head: String) -> Result<Ends, RepositoryError> {
    let Some(descendant) = from.descendant() else { return Err(unknown(git, from).await) };
    match find(git, descendant.as_str()).await? {
        Some(_) => whole(git, head, descendant.as_str()).await,
        None => Err(unknown(git, from).await),
    }
}

/// Compares with the empty tree.
async fn whole(git: &Git, head: String, first: &str) -> Result<Ends, RepositoryError> {
    let first = first.escape_debug();
    let note = if is_shallow(git).await? {
        format!("the history before `{first}` is not in this shallow clone, so every file counts as added")
    } else {
        format!("there is no history before `{first}`, so every file counts as added")
    };
    let base = End { id: git.empty_tree.clone(), label: "empty tree".to_owned() };
    Ok(Ends { base, head: End::commit(head), notes: vec![note] })
}

async fn commit(git: &Git, revision: &Revision) -> Result<String, RepositoryError> {
    match find(git, revision.as_str()).await? {
        Some(id) => Ok(id),
        None => Err(unknown(git, revision).await),
    }
}

/// The id of the commit that a name stands for.
async fn find(git: &Git, name: &str) -> Result<Option<String>, RepositoryError> {
    let name = format!("{name}^{{commit}}");
    let answer = git.ask(&["rev-parse", "--verify", "--quiet", &name]).await?;
    let is_id = |text: &String| text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(answer.success().ok().filter(is_id))
}

async fn merge_base(git: &Git, from: &str, to: &str) -> Result<String, RepositoryError> {
    let answer = git.ask(&["merge-base", from, to]).await?;
    if answer.code != Some(1) {
        return answer.success();
    }
    let hint = if is_shallow(git).await? {
        "this is a shallow clone: fetch more of the history, or compare with `..`"
    } else {
        "compare them with `..` instead"
    };
    let message = format!("the two sides of the range have no commit in common; {hint}");
    Err(RepositoryError::new(RepositoryErrorKind::NoMergeBase, message))
}

/// Why a name stands for nothing.
async fn unknown(git: &Git, revision: &Revision) -> RepositoryError {
    match git.ask(&["rev-list", "--max-count=1", "--all"]).await.and_then(|answer| answer.success()) {
        Ok(first) if first.is_empty() => {
            let message = "the repository has no commit yet; commit something first";
            return RepositoryError::new(RepositoryErrorKind::NoCommits, message);
        }
        Ok(_) => {}
        Err(error) => return error,
    }
    let shallow = match is_shallow(git).await {
        Ok(true) => ", or fetch more of the history, because this is a shallow clone",
        Ok(false) => ", or fetch it",
        Err(error) => return error,
    };
    let name = revision.as_str().escape_debug();
    let message = format!("`{name}` names no commit in this repository; check the spelling{shallow}");
    RepositoryError::new(RepositoryErrorKind::UnknownRevision, message)
}

async fn is_shallow(git: &Git) -> Result<bool, RepositoryError> {
    Ok(git.ask(&["rev-parse", "--is-shallow-repository"]).await?.success()? == "true")
}
