//! What changes look like that other readers of diffs have stumbled over.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use codeflow_actions::Repository;
use codeflow_analysis::{DiffLimits, FileKind, FileStatus, OmittedReason};
use tokio_util::sync::CancellationToken;

use crate::repo::{TestRepo, paths, request};

#[tokio::test]
async fn renames_keep_both_names() {
    let repo = TestRepo::new();
    let text: String = (0..50).map(|line| format!("line {line}\n")).collect();
    repo.commit_file("old name", &text);
    repo.git(&["mv", "old name", "new name"]);
    repo.write("new name", format!("{text}one more\n"));
    repo.commit("rename");

    let found = repo.diff("HEAD").await.unwrap();

    let file = &found.diff.files[0];
    assert_eq!((file.status, file.path.as_str()), (FileStatus::Renamed, "new name"));
    assert_eq!(file.old_path.as_deref(), Some("old name"));
    assert_eq!(file.added_lines().collect::<Vec<_>>(), [(51, "one more")]);
}

#[tokio::test]
async fn binary_files_and_changed_modes_are_told_apart_from_text() {
    let repo = TestRepo::new();
    repo.write("image", [0, 1, 2, 3]);
    repo.commit_file("script", "echo\n");
    repo.write("image", [0, 1, 2, 4]);
    fs::set_permissions(repo.path().join("script"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.commit("change");

    let found = repo.diff("HEAD").await.unwrap();

    let [image, script] = &found.diff.files[..] else { panic!("{:?}", found.diff.files) };
    assert_eq!((image.kind, image.patch.as_str()), (FileKind::Binary, ""));
    assert_eq!(script.old_mode.as_deref(), Some("100644"));
    assert_eq!(script.new_mode.as_deref(), Some("100755"));
}

#[tokio::test]
async fn paths_survive_quotes_other_scripts_and_bytes_that_are_no_text() {
    let repo = TestRepo::new();
    repo.commit_file("start", "");
    let names: [&[u8]; 4] =
        [b"tab\tquote\"back\\slash", "gr\u{fc}n \u{65e5}\u{672c}".as_bytes(), b"latin-\xfc", b"a b/ b/c"];
    for name in names {
        repo.write(OsStr::from_bytes(name), "text\n");
    }
    repo.commit("names");

    let found = repo.diff("HEAD").await.unwrap();

    let mut read = paths(&found);
    read.sort_unstable();
    assert_eq!(read, ["a b/ b/c", "gr\u{fc}n \u{65e5}\u{672c}", "latin-\\374", "tab\tquote\"back\\slash"]);
    let escaped: Vec<&str> =
        found.diff.files.iter().filter(|file| file.path_escaped).map(|file| file.path.as_str()).collect();
    assert_eq!(escaped, ["latin-\\374"]);
}

#[tokio::test]
async fn line_ends_and_a_missing_last_one_change_no_line_number() {
    let repo = TestRepo::new();
    repo.commit_file("windows", "one\r\ntwo\r\n");
    repo.write("windows", "one\r\ntwo\r\nthree\r\n");
    repo.write("open", "no end");
    repo.commit("ends");

    let found = repo.diff("HEAD").await.unwrap();

    let [open, windows] = &found.diff.files[..] else { panic!("{:?}", found.diff.files) };
    assert_eq!(open.added_lines().collect::<Vec<_>>(), [(1, "no end")]);
    let added: Vec<(u32, &str)> = windows.added_lines().map(|(line, text)| (line, text.trim_end())).collect();
    assert_eq!(added, [(3, "three")]);
}

#[tokio::test]
async fn submodules_links_and_files_that_became_links_have_their_kinds() {
    let repo = TestRepo::new();
    let first = repo.commit_file("file", "text\n");
    let entry = format!("160000,{first},vendored");
    fs::remove_file(repo.path().join("file")).unwrap();
    symlink("elsewhere", repo.path().join("file")).unwrap();
    repo.git(&["add", "--all"]);
    repo.git(&["update-index", "--add", "--cacheinfo", &entry]);
    repo.git(&["commit", "--quiet", "--message", "kinds"]);

    let found = repo.diff("HEAD").await.unwrap();

    let [file, vendored] = &found.diff.files[..] else { panic!("{:?}", found.diff.files) };
    assert_eq!((file.status, file.kind), (FileStatus::TypeChanged, FileKind::Symlink));
    assert_eq!((vendored.status, vendored.kind), (FileStatus::Added, FileKind::Submodule));
}

#[tokio::test]
async fn what_exceeds_the_limits_is_counted_and_named() {
    let repo = TestRepo::new();
    repo.commit_file("start", "");
    repo.write("large", "0123456789abcdef\n".repeat(20_000));
    repo.write("small", "text\n");
    repo.commit("large");

    let limits = DiffLimits { file_bytes: 10_000, ..DiffLimits::default() };
    let request = codeflow_actions::DiffRequest { limits, ..request(None, "HEAD") };
    let diff = repo.reader().diff(request, CancellationToken::new()).await.unwrap().diff;

    assert_eq!((diff.totals.files, diff.totals.additions), (2, 20_001));
    assert_eq!(diff.omitted.len(), 1);
    assert_eq!(
        (diff.omitted[0].path.as_str(), diff.omitted[0].reason),
        ("large", OmittedReason::FileTooLarge)
    );
    assert!(diff.files[0].cut && diff.files[0].patch.len() <= 10_000);
}
