//! Starts the target `openai`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("openai")
    .expect("is a target")
    .run(bytes));
