//! What is kept, as it is.

use std::{fs, path::Path};

use codeflow_fuzzing::{Target, target, write_seeds};

const MOST_BYTES: usize = 200 * 1024;

#[test]
fn every_kept_input_holds() {
    for target in Target::ALL {
        let corpus = target.corpus().expect("every target has a corpus");
        assert!(!corpus.is_empty(), "{}", target.name());
        for input in corpus.iter().chain(&target.recorded().expect("can be read")) {
            target.run(input);
        }
    }
}

#[test]
fn every_folder_of_the_corpus_belongs_to_a_target_and_stays_small() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    for entry in fs::read_dir(root.join("corpus")).expect("is there") {
        let name = entry.expect("can be read").file_name();
        assert!(target(&name.to_string_lossy()).is_some(), "{name:?}");
    }
    let bytes: usize =
        Target::ALL.iter().flat_map(|it| it.corpus().expect("is there")).map(|it| it.len()).sum();
    assert!(bytes <= MOST_BYTES, "{bytes}");
}

#[test]
fn every_target_is_one_of_the_fuzzers_programs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("is there");
    for target in Target::ALL {
        let program = root.join(format!("fuzz_targets/{}.rs", target.name()));
        let program = fs::read_to_string(program).expect("has a program");
        assert!(program.contains(&format!("target(\"{}\")", target.name())));
        assert!(manifest.contains(&format!("name = \"{}\"", target.name())));
    }
    assert_eq!(manifest.matches("[[bin]]").count(), Target::ALL.len());
}

#[test]
fn recorded_exchanges_are_written_for_a_fuzzer() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");

    write_seeds(folder.path()).expect("can be written");

    for target in Target::ALL {
        let written = fs::read_dir(folder.path().join(target.name())).expect("is there").count();
        assert_eq!(written, target.recorded().expect("can be read").len());
    }
    assert!(target("openai").expect("is a target").recorded().expect("can be read").len() > 10);
}
