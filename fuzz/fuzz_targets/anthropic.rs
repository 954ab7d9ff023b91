//! Starts the target `anthropic`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("anthropic")
    .expect("is a target")
    .run(bytes));
