//! Starts the target `ollama`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("ollama")
    .expect("is a target")
    .run(bytes));
