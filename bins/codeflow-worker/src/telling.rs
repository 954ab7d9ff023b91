//! How the program tells why it could not run.

use codeflow::core::{Class, Coded};

/// Tells an error and what is behind it, and gives the exit code for it.
#[expect(clippy::print_stderr, reason = "there may be no log yet")]
pub(crate) fn tell(error: &anyhow::Error) -> u8 {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
    if is_wrong_use(error) { 2 } else { 3 }
}

/// Some settings are found to be wrong only when they are used.
fn is_wrong_use(error: &anyhow::Error) -> bool {
    let opened = error.downcast_ref::<codeflow::Error>();
    error.is::<codeflow::config::Error>() || opened.is_some_and(|error| error.class() == Class::Invalid)
}
