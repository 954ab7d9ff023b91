//! The table of fences keeps up with the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use xtask::{Mutation, mutations};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

#[test]
fn every_fence_of_the_table_is_where_the_table_says_and_only_there() {
    let all = mutations(root()).expect("the table can be read");
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
    let all = mutations(root()).expect("the table can be read");
    let names: BTreeSet<&str> = all.iter().map(|mutation| mutation.name.as_str()).collect();

    assert_eq!(names.len(), all.len());
}

#[test]
fn a_text_that_is_there_twice_or_not_at_all_is_refused() {
    let mutation = Mutation {
        name: "name".to_owned(),
        file: "file".to_owned(),
        old: "a".to_owned(),
        new: "b".to_owned(),
        package: "package".to_owned(),
        tests: "all()".to_owned(),
    };

    assert_eq!(mutation.apply("xay").expect("it is there once"), "xby");
    assert!(mutation.apply("xy").is_err());
    assert!(mutation.apply("aa").is_err());
}
