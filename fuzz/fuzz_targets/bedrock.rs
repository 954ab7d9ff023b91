//! Starts the target `bedrock`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("bedrock")
    .expect("is a target")
    .run(bytes));
