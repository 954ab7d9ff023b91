//! The `codeflow` command line.
fn main() {}
