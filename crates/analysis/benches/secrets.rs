//! How fast the secret scan reads a realistic diff.

fn main() {}
