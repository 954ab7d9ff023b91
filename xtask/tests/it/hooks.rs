//! Installing the pre-commit hook.

use std::{fs, process::Command};

use tempfile::TempDir;
use xtask::install_hooks;

fn repository() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status();
    assert!(git.expect("git can be started").success());
    folder
}

#[test]
fn the_hook_can_be_installed_again_and_again() {
    use std::os::unix::fs::PermissionsExt;
    let repository = repository();

    install_hooks(repository.path()).expect("the first time");
    install_hooks(repository.path()).expect("the second time");

    let hook = repository.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&hook).expect("the hook was written");
    assert!(text.ends_with("exec cargo xtask check --fast\n"), "{text}");
    let mode = fs::metadata(&hook).expect("the hook was written").permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}

#[test]
fn a_hook_of_somebody_else_is_left_alone() {
    let repository = repository();
    let hook = repository.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().expect("it has a folder")).expect("folders can be made");
    fs::write(&hook, "#!/bin/sh\nmake lint\n").expect("files can be written");

    let error = install_hooks(repository.path()).expect_err("another hook is there");

    assert!(error.to_string().contains("is another hook"), "{error}");
    assert_eq!(fs::read_to_string(&hook).expect("it is still there"), "#!/bin/sh\nmake lint\n");
}
