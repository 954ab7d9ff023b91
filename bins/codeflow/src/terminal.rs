//! The two streams of the program. A reader who has gone away is no failure, and never a panic.

use std::io::{ErrorKind, Result, Write};

/// Writes a result to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes a line about what happens to standard error. If nobody can hear it, there is nobody to tell.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
