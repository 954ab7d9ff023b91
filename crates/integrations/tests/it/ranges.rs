//! Which two revisions a range compares, and what is said when one of them is missing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use codeflow_actions::{Repository, RepositoryError, RepositoryErrorKind};
use codeflow_integrations::LocalGit;
use tokio_util::sync::CancellationToken;

use crate::repo::{TestRepo, paths, request};

fn kind<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>) -> RepositoryErrorKind {
    outcome.expect_err("it must fail").kind()
}

#[tokio::test]
async fn two_dots_compare_the_two_commits() {
    let repo = TestRepo::new();
    let first = repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");
    let last = repo.commit_file("c", "3\n");

    let found = repo.diff("HEAD~2..HEAD").await.unwrap();

    assert_eq!(paths(&found), ["b", "c"]);
    assert_eq!((found.base.as_str(), found.head.as_str()), (first.as_str(), last.as_str()));
    assert_eq!(found.diff.base, first[..12]);
    assert_eq!(found.diff.head, last[..12]);
    assert!(found.notes.is_empty());
}

#[tokio::test]
async fn an_empty_side_means_head() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");

    assert_eq!(paths(&repo.diff("HEAD~1..").await.unwrap()), ["b"]);
    assert!(repo.diff("..HEAD").await.unwrap().diff.files.is_empty());
}

#[tokio::test]
async fn three_dots_compare_with_the_commit_where_the_branches_parted() {
    let repo = TestRepo::new();
    let fork = repo.commit_file("shared", "1\n");
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.commit_file("mine", "2\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit_file("theirs", "3\n");

    let since_fork = repo.diff("main...topic").await.unwrap();
    let between = repo.diff("main..topic").await.unwrap();

    assert_eq!(paths(&since_fork), ["mine"]);
    assert_eq!(since_fork.base, fork);
    assert_eq!(paths(&between), ["mine", "theirs"]);
}

#[tokio::test]
async fn branches_without_a_common_ancestor_have_no_fork() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    repo.git(&["checkout", "--quiet", "--orphan", "other"]);
    repo.commit_file("b", "2\n");

    assert_eq!(kind(repo.diff("main...other").await), RepositoryErrorKind::NoMergeBase);
    assert_eq!(paths(&repo.diff("main..other").await.unwrap()), ["b"]);
}

#[tokio::test]
async fn one_commit_is_compared_with_its_first_parent() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    repo.git(&["checkout", "--quiet", "-b", "topic"]);
    repo.commit_file("mine", "2\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let before = repo.commit_file("theirs", "3\n");
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "topic"]);

    let found = repo.diff("HEAD").await.unwrap();

    assert_eq!(found.base, before);
    assert_eq!(paths(&found), ["mine"]);
}

#[tokio::test]
async fn a_root_commit_is_compared_with_the_empty_tree() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");

    for range in ["HEAD~1..HEAD", "HEAD^..HEAD", "HEAD^1~2..HEAD", "HEAD", "HEAD~1.."] {
        let found = repo.diff(range).await.unwrap();

        assert_eq!(paths(&found), ["a"], "{range}");
        assert_eq!(found.diff.base, "empty tree", "{range}");
        assert_eq!(found.base, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "{range}");
        assert_eq!(
            found.notes,
            ["there is no history before `HEAD`, so every file counts as added"],
            "{range}"
        );
    }
}

#[tokio::test]
async fn a_second_parent_that_does_not_exist_is_an_unknown_revision() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");

    assert_eq!(kind(repo.diff("HEAD^2..HEAD").await), RepositoryErrorKind::UnknownRevision);
}

#[tokio::test]
async fn a_shallow_clone_is_compared_with_the_empty_tree_and_says_why() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");
    let clone = repo.beside("clone");
    let origin = format!("file://{}", repo.path().display());
    repo.git(&["clone", "--quiet", "--depth", "1", &origin, clone.to_str().unwrap()]);

    let found = repo.diff_at(&clone, "HEAD~1..HEAD").await.unwrap();
    let unknown = repo.diff_at(&clone, "v1..HEAD").await.unwrap_err();

    assert_eq!(paths(&found), ["a", "b"]);
    assert_eq!(
        found.notes,
        ["the history before `HEAD` is not in this shallow clone, so every file counts as added"]
    );
    assert!(unknown.to_string().contains("shallow clone"), "{unknown}");
}

#[tokio::test]
async fn linked_worktrees_bare_repositories_subfolders_and_detached_heads_are_read() {
    let repo = TestRepo::new();
    repo.commit_file("deep/a", "1\n");
    let last = repo.commit_file("deep/b", "2\n");
    let (worktree, bare) = (repo.beside("worktree"), repo.beside("bare.git"));
    repo.git(&["worktree", "add", "--quiet", "--detach", worktree.to_str().unwrap()]);
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    repo.git(&["checkout", "--quiet", "--detach"]);

    for folder in [worktree, bare, repo.path().join("deep"), repo.path()] {
        let found = repo.diff_at(&folder, "HEAD~1..HEAD").await.unwrap();

        assert_eq!(paths(&found), ["deep/b"], "{}", folder.display());
        assert_eq!(found.head, last);
    }
}

#[tokio::test]
async fn a_submodule_and_a_folder_whose_name_is_no_text_are_read() {
    let (outer, inner) = (TestRepo::new(), TestRepo::new());
    inner.commit_file("a", "1\n");
    let odd = outer.beside("").join(OsStr::from_bytes(b"odd-\xfc"));
    outer.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        inner.path().to_str().unwrap(),
        "sub",
    ]);
    fs::rename(inner.path(), &odd).unwrap();

    for folder in [outer.path().join("sub"), odd] {
        assert_eq!(paths(&outer.diff_at(&folder, "HEAD").await.unwrap()), ["a"], "{}", folder.display());
    }
}

#[tokio::test]
async fn a_repository_with_sha_256_ids_is_read_up_to_its_root() {
    let repo = TestRepo::with(&["--object-format=sha256"]);
    repo.commit_file("a", "1\n");
    repo.commit_file("b", "2\n");

    let last = repo.diff("HEAD~1..HEAD").await.unwrap();
    let all = repo.diff("HEAD~2..HEAD").await.unwrap();

    assert_eq!((paths(&last), last.head.len()), (vec!["b"], 64));
    assert_eq!((paths(&all), all.base.len()), (vec!["a", "b"], 64));
}

#[tokio::test]
async fn what_looks_like_an_option_or_an_exclusion_is_no_range() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    let target = repo.beside("written");
    let output = format!("--output={}", target.display());

    for range in
        [output.clone(), format!("HEAD..{output}"), format!("HEAD...{output}"), "-p..HEAD".to_owned()]
    {
        assert_eq!(kind(repo.diff(&range).await), RepositoryErrorKind::InvalidRange, "{range}");
    }
    for range in
        ["", "  ", "^HEAD", "HEAD..^HEAD~1", "a..b..c", "a....b", "HEAD\n..HEAD", "a..b\0", "HEAD..\u{7f}"]
    {
        assert_eq!(kind(repo.diff(range).await), RepositoryErrorKind::InvalidRange, "{range:?}");
    }
    assert_eq!(kind(repo.diff(&"a".repeat(2000)).await), RepositoryErrorKind::InvalidRange);
    assert!(!target.exists());
}

#[tokio::test]
async fn a_name_that_stands_for_no_commit_is_unknown() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    let tree = repo.git(&["rev-parse", "HEAD^{tree}"]);

    for name in ["nosuch", "nosuch~1", "HEAD:a", &tree, "--", "HEAD HEAD"] {
        let range = format!("HEAD..{name}");
        let error = repo.diff(&range).await.unwrap_err();
        if name == "--" {
            assert_eq!(error.code(), "git.invalid_range");
            continue;
        }
        assert_eq!(error.code(), "git.unknown_revision", "{range}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert_eq!(kind(repo.diff("nosuch~1..HEAD").await), RepositoryErrorKind::UnknownRevision);
}

#[tokio::test]
async fn a_repository_without_commits_says_so() {
    let repo = TestRepo::new();

    for range in ["HEAD~1..HEAD", "HEAD", "main...HEAD"] {
        assert_eq!(kind(repo.diff(range).await), RepositoryErrorKind::NoCommits, "{range}");
    }
}

#[tokio::test]
async fn a_folder_without_a_repository_says_so() {
    let repo = TestRepo::new();
    let empty = repo.beside("empty");
    fs::create_dir(&empty).unwrap();

    assert_eq!(kind(repo.diff_at(&empty, "HEAD").await), RepositoryErrorKind::NotARepository);
    assert_eq!(
        kind(repo.diff_at(&repo.beside("nowhere"), "HEAD").await),
        RepositoryErrorKind::NotARepository
    );
}

#[tokio::test]
async fn a_relative_folder_starts_from_the_folder_of_the_reader() {
    let repo = TestRepo::new();
    repo.commit_file("a", "1\n");
    let reader = LocalGit::new(repo.beside(""), repo.environment());

    let request = request(Some("work".as_ref()), "HEAD");
    let found = reader.diff(request, CancellationToken::new()).await.unwrap();

    assert_eq!(paths(&found), ["a"]);
}

#[tokio::test]
async fn a_machine_without_git_says_so() {
    let repo = TestRepo::new();
    let reader = LocalGit::new(repo.path(), [("PATH".into(), repo.beside("nowhere").into())]);

    let outcome = reader.diff(request(None, "HEAD"), CancellationToken::new()).await;

    assert_eq!(kind(outcome), RepositoryErrorKind::NotInstalled);
}
