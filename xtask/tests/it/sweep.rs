//! Sweeping the shared build folder: only what is ours and old goes.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use xtask::sweep;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn plant(build: &Path, entry: &str, written: SystemTime) {
    let path = build.join("debug").join(entry);
    fs::create_dir_all(path.parent().expect("it has a folder")).expect("folders can be made");
    File::create(&path).expect("a file can be made").set_modified(written).expect("its time can be set");
}

#[test]
fn old_entries_of_our_crates_go_and_everything_else_stays() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let now = SystemTime::UNIX_EPOCH + 1_000 * DAY;
    let (old, new) = (now - 5 * DAY, now - DAY);
    plant(folder.path(), "deps/libcodeflow_core-0123456789abcdef.rlib", old);
    plant(folder.path(), "deps/codeflow_core-0123456789abcdef.d", old);
    plant(folder.path(), "deps/libcodeflow_core-fedcba9876543210.rlib", new);
    plant(folder.path(), "deps/libserde-0123456789abcdef.rlib", old);
    plant(folder.path(), "incremental/codeflow_core-2yqbb8kzq0nsl", old);
    plant(folder.path(), "codeflow_core-0123456789abcdef", old);

    let names = ["codeflow_core".to_owned()].into();
    let removed = sweep(folder.path(), &names, now).expect("it can be swept");

    let debug = folder.path().join("debug");
    assert_eq!(removed, 3);
    assert!(!debug.join("deps/libcodeflow_core-0123456789abcdef.rlib").exists());
    assert!(debug.join("deps/libcodeflow_core-fedcba9876543210.rlib").exists());
    assert!(debug.join("deps/libserde-0123456789abcdef.rlib").exists());
    assert!(!debug.join("incremental/codeflow_core-2yqbb8kzq0nsl").exists());
    assert!(debug.join("codeflow_core-0123456789abcdef").exists(), "it is in no folder of crates");
}

#[test]
fn a_folder_that_is_not_there_is_swept_already() {
    let folder = tempfile::tempdir().expect("a folder can be made");

    let removed = sweep(&folder.path().join("none"), &["xtask".to_owned()].into(), SystemTime::UNIX_EPOCH);

    assert_eq!(removed.expect("there is nothing to do"), 0);
}
