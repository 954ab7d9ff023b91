//! Starts the target `raw_frames`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("raw_frames")
    .expect("is a target")
    .run(bytes));
