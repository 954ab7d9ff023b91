//! Starts the target `inbound`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| codeflow_fuzzing::target("inbound")
    .expect("is a target")
    .run(bytes));
