//! Settings, attributes and variables that would change what git says, or run something. None of them may matter.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use codeflow_actions::{RangeDiff, Repository, RepositoryErrorKind};
use codeflow_integrations::LocalGit;
use tokio_util::sync::CancellationToken;

use crate::repo::{TestRepo, paths, request};

/// A repository whose last commit has a little of everything that settings could change.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    let text: String = (0..40).map(|line| format!("line {line}\n\n")).collect();
    repo.commit_file("text", &text);
    repo.commit_file("gr\u{fc}n", "one\n");
    repo.write("text", text.replace("line 20", "changed").replace("line 3\n", "also\n"));
    repo.git(&["mv", "gr\u{fc}n", "renamed"]);
    repo.write("sub/.keep", "");
    repo.commit("change");
    repo
}

fn executable(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

async fn last(repo: &TestRepo) -> RangeDiff {
    repo.diff("HEAD~1..HEAD").await.unwrap()
}

#[tokio::test]
async fn no_setting_of_the_user_or_the_repository_changes_the_diff_or_runs_a_program() {
    let repo = repo();
    let plain = last(&repo).await;
    let folder = repo.path();
    let (ran, spy, order) = (repo.beside("ran"), repo.beside("spy"), repo.beside("order"));
    executable(&spy, &format!("#!/bin/sh\necho \"$0\" >> '{}'\n", ran.display()));
    fs::write(&order, "text\n").unwrap();
    let (spy, order) = (spy.to_str().unwrap(), order.to_str().unwrap());

    let settings = [
        ("diff.external", spy),
        ("diff.spy.command", spy),
        ("diff.spy.textconv", spy),
        ("diff.spy.binary", "true"),
        ("core.pager", spy),
        ("pager.diff", spy),
        ("core.fsmonitor", spy),
        ("core.hooksPath", folder.to_str().unwrap()),
        ("color.ui", "always"),
        ("color.diff", "always"),
        ("diff.noprefix", "true"),
        ("diff.mnemonicPrefix", "true"),
        ("diff.srcPrefix", "x/"),
        ("diff.dstPrefix", "y/"),
        ("diff.renames", "false"),
        ("diff.renameLimit", "1"),
        ("diff.context", "0"),
        ("diff.interHunkContext", "50"),
        ("diff.algorithm", "patience"),
        ("diff.indentHeuristic", "false"),
        ("diff.orderFile", order),
        ("diff.relative", "true"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.submodule", "log"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.wsErrorHighlight", "all"),
        ("diff.colorMoved", "zebra"),
        ("core.quotePath", "true"),
        ("core.bigFileThreshold", "1"),
    ];
    for (name, value) in settings {
        repo.git(&["config", "--global", name, value]);
        repo.git(&["config", "--local", name, value]);
    }
    repo.write(".gitattributes", "* diff=spy\n");

    assert_eq!(last(&repo).await, plain);
    assert_eq!(repo.diff_at(&repo.path().join("sub"), "HEAD~1..HEAD").await.unwrap(), plain);
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap_or_default());
}

/// A repository whose last commit tries to keep its own text out of sight.
fn hiding() -> TestRepo {
    let repo = TestRepo::new();
    repo.commit_file("start", "");
    repo.write(".gitattributes", "* -diff\n*.env binary\n");
    repo.write("deep/.gitattributes", "* -diff\n");
    repo.write("deep/settings.env", "visible\n");
    repo.commit("hide");
    repo
}

fn assert_visible(found: &RangeDiff) {
    let file = found.diff.files.iter().find(|file| file.path == "deep/settings.env").unwrap();
    assert_eq!(file.added_lines().collect::<Vec<_>>(), [(1, "visible")]);
}

#[tokio::test]
async fn attributes_in_a_change_cannot_hide_its_text() {
    let repo = hiding();
    let (bare, worktree) = (repo.beside("bare.git"), repo.beside("worktree"));
    repo.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    repo.git(&["worktree", "add", "--quiet", "--detach", worktree.to_str().unwrap()]);

    for folder in [repo.path(), repo.path().join("deep"), bare, worktree] {
        assert_visible(&repo.diff_at(&folder, "HEAD").await.unwrap());
    }
}

#[tokio::test]
async fn attributes_cannot_hide_text_from_a_git_that_knows_no_other_source_for_them() {
    let repo = hiding();
    let path = repo.environment().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let path = path.to_str().unwrap();
    let folder = repo.beside("bin");
    let script = format!("#!/bin/sh\nunset GIT_ATTR_SOURCE\nPATH='{path}' exec git \"$@\"\n");
    executable(&folder.join("git"), &script);
    let reader = LocalGit::new(repo.path(), [("PATH".into(), format!("{}:{path}", folder.display()).into())]);

    assert_visible(&reader.diff(request(None, "HEAD"), CancellationToken::new()).await.unwrap());
}

#[tokio::test]
async fn attributes_of_the_user_cannot_hide_text_either() {
    let repo = TestRepo::new();
    repo.commit_file("start", "");
    repo.commit_file("file", "visible\n");
    fs::create_dir_all(repo.home().join(".config/git")).unwrap();
    fs::write(repo.home().join(".config/git/attributes"), "* -diff\n").unwrap();

    assert_eq!(last(&repo).await.diff.files[0].additions, 1);
}

#[tokio::test]
async fn replaced_objects_do_not_stand_in_for_the_real_ones() {
    let repo = TestRepo::new();
    repo.commit_file("start", "");
    repo.commit_file("file", "real\n");
    repo.write("other", "harmless\n");
    let harmless = repo.git(&["hash-object", "-w", "other"]);
    fs::remove_file(repo.path().join("other")).unwrap();
    let real = repo.git(&["rev-parse", "HEAD:file"]);
    repo.git(&["replace", &real, &harmless]);

    let found = last(&repo).await;

    assert_eq!(found.diff.files[0].added_lines().collect::<Vec<_>>(), [(1, "real")]);
}

#[tokio::test]
async fn variables_that_point_git_elsewhere_are_not_passed_on() {
    let (repo, other) = (TestRepo::new(), TestRepo::new());
    repo.commit_file("mine", "1\n");
    other.commit_file("theirs", "1\n");
    let elsewhere = other.path().join(".git");
    let names = ["GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_CONFIG_GLOBAL"];
    let variables = names.map(|name| (name.into(), elsewhere.clone().into()));
    let further = [("GIT_EXTERNAL_DIFF".into(), "false".into()), ("GIT_DIFF_OPTS".into(), "-u0".into())];

    let reader = LocalGit::new(repo.path(), repo.environment().into_iter().chain(variables).chain(further));
    let found = reader.diff(request(None, "HEAD"), CancellationToken::new()).await.unwrap();

    assert_eq!(paths(&found), ["mine"]);
}

/// Stands in for git and complains.
fn failing(repo: &TestRepo, complaint: &str) -> LocalGit {
    let script = format!("#!/bin/sh\ncat >&2 <<'END'\n{complaint}\nEND\nexit 128\n");
    let folder = repo.beside("bin");
    executable(&folder.join("git"), &script);
    LocalGit::new(repo.path(), [("PATH".into(), format!("{}:/usr/bin:/bin", folder.display()).into())])
}

#[tokio::test]
async fn a_repository_of_another_user_is_explained() {
    let repo = TestRepo::new();
    let reader = failing(&repo, "fatal: detected dubious ownership in repository at '/x'");

    let error = reader.diff(request(None, "HEAD"), CancellationToken::new()).await.unwrap_err();

    assert_eq!(error.code(), "git.untrusted_repository");
    assert!(error.to_string().contains("safe.directory"), "{error}");
}

#[tokio::test]
async fn other_failures_of_git_are_told_shortly_and_without_passwords() {
    let repo = TestRepo::new();
    let complaint = format!("fatal: cannot read https://me:{}@example.com/x", "hunter2");
    let short = failing(&repo, &complaint);
    let error = short.diff(request(None, "HEAD"), CancellationToken::new()).await.unwrap_err();

    let long = failing(&repo, &format!("{}{complaint}\nand a hint", "noise\n".repeat(10_000)));
    let bounded = long.diff(request(None, "HEAD"), CancellationToken::new()).await.unwrap_err();

    assert_eq!(error.kind(), RepositoryErrorKind::Failed);
    assert!(error.to_string().starts_with("git ended with code 128: fatal: cannot read"), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert_eq!(bounded.to_string(), error.to_string());
}
