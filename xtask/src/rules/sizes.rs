//! How long a file may be, and that modules are `foo.rs` beside `foo/`, never `mod.rs`.

use crate::{
    tree::{File, Tree},
    violation::Violation,
};

const LONGEST_FILE: usize = 500;
const LONGEST_MAIN: usize = 100;

/// Checks every Rust file.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust_files().flat_map(|file| [too_long(file), old_style(file)]).flatten().collect()
}

fn too_long(file: &File) -> Option<Violation> {
    let lines = file.text.lines().count();
    let (limit, advice) = if file.path.ends_with("src/main.rs") {
        (LONGEST_MAIN, "a main decides nothing; move the work into a library")
    } else {
        (LONGEST_FILE, "split it by concept")
    };
    (lines > limit).then(|| {
        Violation::file("file-length", &file.path, format!("{lines} lines, more than {limit}: {advice}"))
    })
}

fn old_style(file: &File) -> Option<Violation> {
    (file.name() == "mod.rs").then(|| {
        Violation::file(
            "mod-rs",
            &file.path,
            "name the module's file after the module: `foo.rs` beside `foo/`",
        )
    })
}
