//! Each shape a change can have in git's output, one test each.

use std::os::unix::fs::{PermissionsExt, symlink};

use codeflow_analysis::{Diff, FileDiff, FileKind, FileStatus};

use crate::repo::Repo;

fn only(diff: &Diff) -> &FileDiff {
    assert_eq!(diff.files.len(), 1, "{:?}", diff.files);
    &diff.files[0]
}

fn lines(from: u32, to: u32) -> String {
    (from..=to).map(|n| format!("line {n}\n")).collect()
}

#[test]
fn a_modified_file_shows_its_added_lines_with_their_numbers() {
    let repo = Repo::new();
    repo.write("a.txt", lines(1, 30));
    let base = repo.tree();
    repo.write(
        "a.txt",
        lines(1, 30).replace("line 4\n", "four\nand a half\n").replace("line 28\n", "late\n"),
    );
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    let file = only(&diff);
    assert_eq!((file.status, file.kind), (FileStatus::Modified, FileKind::Text));
    assert_eq!((file.additions, file.deletions), (3, 2));
    assert_eq!(file.old_mode.as_deref(), Some("100644"));
    assert_eq!(file.new_mode.as_deref(), Some("100644"));
    let added: Vec<_> = file.added_lines().collect();
    assert_eq!(added, [(4, "four"), (5, "and a half"), (29, "late")]);
    let hunks: Vec<_> = file.hunks().map(|hunk| (hunk.old_start, hunk.new_start)).collect();
    assert_eq!(hunks, [(1, 1), (25, 26)]);
    assert_eq!((diff.base, diff.head), (base, head));
}

#[test]
fn added_deleted_and_empty_files_are_told_apart() {
    let repo = Repo::new();
    repo.write("gone", "x\ny\n");
    repo.write("gone-empty", "");
    let base = repo.tree();
    repo.remove("gone");
    repo.remove("gone-empty");
    let middle = repo.tree();
    repo.write("new", "one\n");
    repo.write("new-empty", "");
    let head = repo.tree();

    let seen = |from, to| {
        let files = repo.diff(from, to).files;
        files
            .into_iter()
            .map(|file| (file.path, file.status, file.additions, file.deletions))
            .collect::<Vec<_>>()
    };

    let (added, deleted) = (FileStatus::Added, FileStatus::Deleted);
    assert_eq!(seen(&base, &middle), [("gone".into(), deleted, 0, 2), ("gone-empty".into(), deleted, 0, 0)]);
    assert_eq!(seen(&middle, &head), [("new".into(), added, 1, 0), ("new-empty".into(), added, 0, 0)]);
}

#[test]
fn a_rename_keeps_both_names_with_and_without_a_change() {
    let repo = Repo::new();
    repo.write("old/pure name.txt", lines(1, 20));
    repo.write("old/edited.txt", lines(100, 140));
    let base = repo.tree();
    repo.remove("old/pure name.txt");
    repo.remove("old/edited.txt");
    repo.write("new/pure\tname.txt", lines(1, 20));
    repo.write("new/edited.txt", lines(100, 141));
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    let moved: Vec<_> =
        diff.files.iter().map(|f| (f.old_path.as_deref(), f.path.as_str(), f.additions)).collect();
    assert!(diff.files.iter().all(|f| f.status == FileStatus::Renamed));
    assert!(moved.contains(&(Some("old/pure name.txt"), "new/pure\tname.txt", 0)), "{moved:?}");
    assert!(moved.contains(&(Some("old/edited.txt"), "new/edited.txt", 1)), "{moved:?}");
}

#[test]
fn a_copy_is_one_when_git_is_asked_for_copies() {
    let repo = Repo::new();
    repo.write("a", lines(1, 20));
    let base = repo.tree();
    repo.write("a", lines(1, 21));
    repo.write("b", lines(1, 20));
    let head = repo.tree();

    let text = repo.diff_text(&base, &head, &["--find-copies"]);
    let diff = Diff::parse(base, head, &text);

    let copy = diff.files.iter().find(|file| file.path == "b").unwrap();
    assert_eq!((copy.status, copy.old_path.as_deref()), (FileStatus::Copied, Some("a")));
}

#[test]
fn a_mode_change_needs_no_content() {
    let repo = Repo::new();
    repo.write("run me.sh", "#!/bin/sh\n");
    let base = repo.tree();
    std::fs::set_permissions(repo.path(b"run me.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    let file = only(&diff);
    assert_eq!((file.path.as_str(), file.status), ("run me.sh", FileStatus::Modified));
    assert_eq!(file.old_mode.as_deref(), Some("100644"));
    assert_eq!(file.new_mode.as_deref(), Some("100755"));
    assert_eq!(file.patch, "");
}

#[test]
fn binary_files_have_no_lines() {
    let repo = Repo::new();
    repo.write("logo.png", b"\x89PNG\0\0\x01");
    let base = repo.tree();
    repo.write("logo.png", b"\x89PNG\0\0\x02");
    let head = repo.tree();

    let plain = repo.diff(&base, &head);
    let with_data = Diff::parse("", "", &repo.diff_text(&base, &head, &["--binary"]));

    for diff in [plain, with_data] {
        let file = only(&diff);
        assert_eq!((file.kind, file.path.as_str()), (FileKind::Binary, "logo.png"));
        assert_eq!((file.additions, file.patch.as_str()), (0, ""));
    }
}

#[test]
fn a_file_that_becomes_a_link_is_one_change_of_type() {
    let repo = Repo::new();
    repo.write("config", "value\n");
    let base = repo.tree();
    repo.remove("config");
    symlink("elsewhere", repo.path(b"config")).unwrap();
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    let file = only(&diff);
    assert_eq!((file.status, file.kind), (FileStatus::TypeChanged, FileKind::Symlink));
    assert_eq!((file.additions, file.deletions, diff.totals.files), (1, 1, 1));
    assert_eq!(file.added_lines().collect::<Vec<_>>(), [(1, "elsewhere")]);
    assert_eq!(file.old_mode.as_deref(), Some("100644"));
    assert_eq!(file.new_mode.as_deref(), Some("120000"));
}

#[test]
fn a_submodule_is_one_whatever_its_settings() {
    let repo = Repo::new();
    let (first, second) = ("1".repeat(40), "2".repeat(40));
    let cache = |commit: &str| {
        repo.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},vendor/lib")]);
        String::from_utf8(repo.git(&["write-tree"])).unwrap().trim().to_owned()
    };
    let (base, head) = (cache(&first), cache(&second));
    repo.git(&["config", "diff.submodule", "log"]);

    let diff = repo.diff(&base, &head);

    let file = only(&diff);
    assert_eq!((file.kind, file.path.as_str()), (FileKind::Submodule, "vendor/lib"));
    assert_eq!(
        file.added_lines().map(|(_, text)| text.to_owned()).collect::<Vec<_>>(),
        [format!("Subproject commit {second}")]
    );
}

#[test]
fn strange_names_come_back_as_they_are() {
    let names: [&[u8]; 9] = [
        b"a b/c d",
        b"x b/x b/x",
        b"tab\there",
        b"new\nline",
        b"quote\"d",
        b"back\\slash",
        b" leading and trailing ",
        "grüße/日本.txt".as_bytes(),
        b"-- a",
    ];
    let repo = Repo::new();
    let base = repo.tree();
    for name in names {
        repo.write(name, "content\n");
    }
    let middle = repo.tree();
    for name in names {
        repo.write(name, "content\nmore\n");
    }
    let head = repo.tree();

    for quoting in ["true", "false"] {
        repo.git(&["config", "core.quotePath", quoting]);
        for (from, to, status) in
            [(&base, &middle, FileStatus::Added), (&middle, &head, FileStatus::Modified)]
        {
            let diff = repo.diff(from, to);

            let mut seen: Vec<&[u8]> = diff.files.iter().map(|file| file.path.as_bytes()).collect();
            let mut wanted = names.to_vec();
            seen.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(seen, wanted);
            assert!(diff.files.iter().all(|file| file.status == status && !file.path_escaped));
        }
    }
}

#[test]
fn a_name_that_is_not_utf8_is_shown_in_octal() {
    let repo = Repo::new();
    let base = repo.tree();
    repo.write(b"caf\xe9.txt", "x\n");
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    assert_eq!((only(&diff).path.as_str(), only(&diff).path_escaped), ("caf\\351.txt", true));
}

#[test]
fn content_that_is_not_utf8_is_kept_with_a_flag() {
    let repo = Repo::new();
    let base = repo.tree();
    repo.write("latin1", b"caf\xe9\n");
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    assert!(only(&diff).lossy);
    assert_eq!(only(&diff).added_lines().collect::<Vec<_>>(), [(1, "caf\u{fffd}")]);
}

#[test]
fn line_ends_of_both_kinds_and_none_do_not_show_in_lines() {
    let repo = Repo::new();
    repo.git(&["config", "core.autocrlf", "false"]);
    repo.write("f", "one\r\ntwo");
    let base = repo.tree();
    repo.write("f", "one\r\n2\r\nthree");
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    assert_eq!(only(&diff).added_lines().collect::<Vec<_>>(), [(2, "2"), (3, "three")]);
    assert_eq!((only(&diff).additions, only(&diff).deletions), (2, 1));
}

#[test]
fn lines_that_look_like_headers_stay_lines() {
    let repo = Repo::new();
    repo.write("notes", "-- a/x\nkeep\n");
    let base = repo.tree();
    repo.write("notes", "keep\n++ b/x\ndiff --git a/y b/y\n@@ -1 +1 @@\n\\ no\n");
    let head = repo.tree();

    let diff = repo.diff(&base, &head);

    let added: Vec<_> = only(&diff).added_lines().map(|(_, text)| text).collect();
    assert_eq!(added, ["++ b/x", "diff --git a/y b/y", "@@ -1 +1 @@", "\\ no"]);
}

#[test]
fn settings_of_the_user_do_not_change_what_is_read() {
    let repo = Repo::new();
    repo.write("a.txt", "one\n\nthree\n");
    let base = repo.tree();
    repo.write("a.txt", "one\n\n3\n");
    let head = repo.tree();
    let before = repo.diff(&base, &head);
    for setting in
        ["diff.noprefix=true", "diff.mnemonicPrefix=true", "color.ui=always", "diff.suppressBlankEmpty=true"]
    {
        let (key, value) = setting.split_once('=').unwrap();
        repo.git(&["config", key, value]);
    }
    repo.git(&["config", "diff.external", "false"]);

    assert_eq!(repo.diff(&base, &head), before);
}

#[test]
fn a_diff_survives_json_and_its_debug_text_shows_no_content() {
    let repo = Repo::new();
    let base = repo.tree();
    repo.write("f", "confidential words\n");
    let head = repo.tree();
    let diff = repo.diff(&base, &head);

    let json = serde_json::to_string(&diff).unwrap();

    assert_eq!(serde_json::from_str::<Diff>(&json).unwrap(), diff);
    assert!(!format!("{diff:?}").contains("confidential"));
}
