//! The table of fences keeps up with the sources, and a red test counts only if it is red for want of the fence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use xtask::{Mutation, MutationOutcome, MutationTable, judge_mutations};

/// A package with a fence, `number < 3`, and with what works without it.
const FENCED: &str = "//! A fence.\npub fn allowed(number: u32) -> bool { number < 3 }\n";
const TESTS: &str = "\
    #[test] fn more_than_two_is_refused() { assert!(!fenced::allowed(3)); }\n\
    #[test] fn one_is_allowed() { assert!(fenced::allowed(1)); }\n\
    #[test] fn the_sun_shines() {}\n\
    #[test] fn it_rains() { assert!(std::env::var_os(\"RAIN\").is_some()); }\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

fn fenced() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status();
    assert!(git.expect("git can be started").success());
    let manifest = "[package]\nname = \"fenced\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    for (name, text) in [
        ("Cargo.toml", manifest),
        (".gitignore", "target\n"),
        ("src/lib.rs", FENCED),
        ("tests/it/main.rs", TESTS),
        (".config/nextest.toml", "[profile.mutate]\n"),
    ] {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }
    folder
}

/// A mutation that leaves `new` of the fence, with the test that is to notice.
fn mutation(name: &str, new: &str, test: &str) -> Mutation {
    Mutation {
        name: name.to_owned(),
        file: "src/lib.rs".to_owned(),
        old: "number < 3".to_owned(),
        new: new.to_owned(),
        package: "fenced".to_owned(),
        tests: vec![test.to_owned()],
    }
}

fn judged(mutations: Vec<Mutation>) -> anyhow::Result<BTreeMap<String, MutationOutcome>> {
    let folder = fenced();
    let controls = BTreeMap::from([("fenced".to_owned(), vec!["one_is_allowed".to_owned()])]);
    // What is built goes into the same folder, whatever the environment says about others.
    let apart = |command: &mut Command| {
        command.env("CARGO_BUILD_BUILD_DIR", folder.path().join("target"));
    };
    judge_mutations(folder.path(), &MutationTable { controls, mutations }, &apart)
}

#[test]
fn only_a_test_that_misses_the_fence_and_nothing_else_counts() {
    let noticed = "more_than_two_is_refused";
    let outcomes = judged(vec![
        mutation("killed", "number < u32::MAX", noticed),
        mutation("survived", "number < u32::MAX", "the_sun_shines"),
        mutation("not built", "number < nobody", noticed),
        mutation("crippled", "panic!(\"{number}\")", noticed),
    ])
    .expect("all tests are green at first");

    assert_eq!(outcomes["killed"], MutationOutcome::Killed);
    assert_eq!(outcomes["survived"], MutationOutcome::Survived);
    assert!(matches!(outcomes["not built"], MutationOutcome::Broken(Some(_))), "{outcomes:?}");
    assert_eq!(outcomes["crippled"], MutationOutcome::Crippled);
}

#[test]
fn a_test_that_is_not_there_or_red_already_proves_nothing() {
    let mut renamed = mutation("renamed", "number < u32::MAX", "more_than_two_is_refused");
    renamed.tests.push("more_than_three_is_refused".to_owned());
    let absent = judged(vec![renamed]).expect_err("one of its tests is not there").to_string();
    let red =
        judged(vec![mutation("red", "number < u32::MAX", "it_rains")]).expect_err("it is red").to_string();

    assert!(absent.contains("more_than_three_is_refused"), "{absent}");
    assert!(red.contains("red although"), "{red}");
}

#[test]
fn every_fence_of_the_table_is_where_the_table_says_and_only_there() {
    let all = MutationTable::read(root()).expect("the table can be read").mutations;
    let missing: Vec<String> = all
        .iter()
        .filter_map(|mutation| {
            let text = fs::read_to_string(root().join(&mutation.file)).expect("the file is there");
            mutation.apply(&text).err().map(|error| error.to_string())
        })
        .collect();

    assert!(all.len() > 40);
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_fence_has_a_name_of_its_own() {
    let all = MutationTable::read(root()).expect("the table can be read").mutations;
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();

    assert_eq!(names.len(), all.len());
}

#[test]
fn a_text_that_is_there_twice_or_not_at_all_is_refused() {
    let mutation = Mutation { old: "a".to_owned(), ..mutation("name", "b", "any") };

    assert_eq!(mutation.apply("xay").expect("it is there once"), "xby");
    assert!(mutation.apply("xy").is_err());
    assert!(mutation.apply("aa").is_err());
}
