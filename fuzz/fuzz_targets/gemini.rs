//! Starts the target `gemini`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("gemini")
    .expect("is a target")
    .run(bytes));
