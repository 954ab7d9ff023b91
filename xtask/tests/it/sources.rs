//! Files whose size, opening, imports, attributes or leftovers break a rule.

use crate::project::Project;

/// A source file of so many lines.
fn lines(count: usize) -> String {
    format!("//! Long.\n{}", "// A line.\n".repeat(count - 1))
}

#[test]
fn a_file_may_have_five_hundred_lines_and_not_one_more() {
    let project = Project::clean();
    project.write("crates/core/src/long.rs", &lines(500));
    assert_eq!(project.violations(), Vec::<String>::new());

    project.write("crates/core/src/long.rs", &lines(501));

    assert_eq!(
        project.only_violation(),
        "crates/core/src/long.rs: 501 lines, more than 500: split it by concept [file-length]"
    );
}

#[test]
fn a_main_of_more_than_a_hundred_lines_is_found() {
    let project = Project::clean();
    project.write("crates/core/src/main.rs", &lines(100));
    assert_eq!(project.violations(), Vec::<String>::new());

    project.write("crates/core/src/main.rs", &lines(101));

    assert_eq!(project.violations(), ["crates/core/src/main.rs file-length"]);
}

#[test]
fn a_file_that_does_not_say_what_it_holds_is_found() {
    for opening in ["", "\n//! Late.\n", "//!\n", "// Not documentation.\n", "use std::fmt;\n"] {
        let project = Project::clean();
        project.write("crates/core/src/quiet.rs", opening);

        assert_eq!(project.violations(), ["crates/core/src/quiet.rs:1 module-docs"], "for {opening:?}");
    }
}

#[test]
fn a_module_file_of_the_old_style_is_found() {
    let project = Project::clean();
    project.write("crates/core/src/ids/mod.rs", "//! Ids.\n");

    assert_eq!(project.violations(), ["crates/core/src/ids/mod.rs mod-rs"]);
}

#[test]
fn the_marks_of_an_unfinished_merge_are_found_in_any_file() {
    for mark in ["<", ">", "|"] {
        let project = Project::clean();
        project.write("docs/guide.md", &format!("Text.\n{} branch\n", mark.repeat(7)));

        assert_eq!(project.violations(), ["docs/guide.md:2 conflict-markers"], "for {mark}");
    }
}

#[test]
fn a_heading_underlined_with_equal_signs_is_no_conflict() {
    let project = Project::clean();
    project.write("docs/guide.md", "Heading\n=======\n");

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_glob_import_is_found() {
    for import in ["use std::fmt::*;", "pub use std::fmt::*;", "use std::{fmt::*, io};", "use super::*;"] {
        let project = Project::clean();
        project.write("crates/core/src/greedy.rs", &format!("//! Greedy.\n\n{import}\n"));

        assert_eq!(project.violations(), ["crates/core/src/greedy.rs:3 glob-import"], "for {import}");
    }
}

#[test]
fn globs_of_the_prelude_and_of_a_test_modules_parent_are_excused() {
    let project = Project::clean();
    let text = "//! Fine.\n\nuse diesel::prelude::*;\n\nfn f() -> impl Sized + use<> {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n";
    project.write("crates/core/src/fine.rs", text);
    project.write("crates/core/tests/it/part.rs", "//! A part.\n\nuse super::*;\n");

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn a_lint_silenced_with_allow_is_found() {
    for attribute in ["#[allow(dead_code)]", "#![allow(dead_code)]", "#[cfg_attr(test, allow(dead_code))]"] {
        let project = Project::clean();
        project.write("crates/core/src/silent.rs", &format!("//! Silent.\n{attribute}\nfn f() {{}}\n"));

        assert_eq!(project.violations(), ["crates/core/src/silent.rs:2 allow"], "for {attribute}");
    }
}

#[test]
fn comments_and_texts_are_not_code() {
    let project = Project::clean();
    let text =
        "//! Quotes `#[allow(x)]`.\n\n// use a::*;\npub const TEXT: &str = \"#[allow(x)] use a::*;\";\n";
    project.write("crates/core/src/quotes.rs", text);

    assert_eq!(project.violations(), Vec::<String>::new());
}

#[test]
fn an_empty_changelog_fragment_is_found() {
    let project = Project::clean();
    project.write("changes/unreleased/a.md", "Something changed.\n");
    project.write("changes/unreleased/b.md", " \n");

    assert_eq!(project.violations(), ["changes/unreleased/b.md changelog"]);
}

#[test]
fn a_credential_is_found_in_any_file() {
    let project = Project::clean();
    let key = format!("{}{}", "AKIA", "Q3EGRB7KPLX2WVNT");
    project.write("deploy/settings.ini", &format!("[aws]\nkey = {key}\n"));

    assert_eq!(project.violations(), ["deploy/settings.ini:2 secrets"]);
    assert!(!project.only_violation().contains(&key), "the message must not repeat the secret");
}

#[test]
fn what_git_ignores_is_not_judged() {
    let project = Project::clean();
    project.write(".gitignore", "/target\n");
    project.write("target/generated.rs", "fn f() {}\n");

    assert_eq!(project.violations(), Vec::<String>::new());
}
