//! Starts the target `cohere`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("cohere")
    .expect("is a target")
    .run(bytes));
