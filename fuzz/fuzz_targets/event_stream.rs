//! Starts the target `event_stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("event_stream")
    .expect("is a target")
    .run(bytes));
