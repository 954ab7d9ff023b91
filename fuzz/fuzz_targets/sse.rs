//! Starts the target `sse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("sse").expect("is a target").run(bytes));
