//! Starts the target `ndjson`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("ndjson")
    .expect("is a target")
    .run(bytes));
