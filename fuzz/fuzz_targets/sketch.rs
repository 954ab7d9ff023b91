//! Starts the target `sketch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("sketch")
    .expect("is a target")
    .run(bytes));
