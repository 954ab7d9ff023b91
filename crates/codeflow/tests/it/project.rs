//! Which folder a project is, and where its data goes.

use std::fs;
use std::path::Path;

use codeflow::core::Coded;
use codeflow::{ErrorKind, Project};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn project(folder: &Path) -> Project {
    Project::around(folder).expect("the folder exists")
}

#[test]
fn a_folder_inside_a_repository_belongs_to_its_root() {
    let folder = folder();
    let root = folder.path().canonicalize().expect("it exists");
    fs::create_dir_all(root.join(".git")).expect("it can be made");
    fs::create_dir_all(root.join("a/b")).expect("it can be made");

    let project = project(&root.join("a/b"));

    assert!(project.is_repository());
    assert_eq!(project.root(), root);
    assert_eq!(project.data_folder(), root.join(".codeflow"));
}

#[test]
fn a_worktree_is_a_repository_of_its_own() {
    let folder = folder();
    let root = folder.path().canonicalize().expect("it exists");
    fs::create_dir_all(root.join(".git")).expect("it can be made");
    fs::create_dir_all(root.join("tree/inner")).expect("it can be made");
    fs::write(root.join("tree/.git"), "gitdir: elsewhere\n").expect("it can be written");

    assert_eq!(project(&root.join("tree/inner")).root(), root.join("tree"));
}

#[test]
fn a_bare_repository_is_one() {
    let folder = folder();
    for inner in ["objects", "refs"] {
        fs::create_dir(folder.path().join(inner)).expect("it can be made");
    }
    assert!(!project(folder.path()).is_repository());
    fs::write(folder.path().join("HEAD"), "ref: refs/heads/main\n").expect("it can be written");

    assert!(project(folder.path()).is_repository());
}

#[test]
fn any_other_folder_is_a_project_without_a_repository() {
    let folder = folder();

    let project = project(folder.path());

    assert!(!project.is_repository());
    assert_eq!(project.root(), folder.path().canonicalize().expect("it exists"));
    assert!(!project.data_folder().exists());
}

#[test]
fn a_file_is_no_folder() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "").expect("it can be written");

    let error = Project::around(&file).expect_err("it is a file");

    assert_eq!(error.kind(), ErrorKind::NoFolder);
    assert_eq!(error.code(), "codeflow.no_folder");
}
