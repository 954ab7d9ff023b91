//! One JSON value a line.

use super::{Frame, FrameError, Limits, lines::Lines};

/// Cuts bytes into lines, each a frame. Empty lines are skipped.
#[derive(Clone, Debug, Default)]
pub struct NdjsonDecoder {
    limits: Limits,
    lines: Lines,
}

impl NdjsonDecoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next bytes and appends the lines they complete; also those before an error.
    ///
    /// # Errors
    ///
    /// [`FrameError`], after which the decoder is of no use.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), FrameError> {
        let limit = self.limits.line.min(self.limits.frame);
        self.lines.push(bytes, limit, |line| keep(line, out))
    }

    /// Takes the end of the stream: its last line needs no line end.
    ///
    /// # Errors
    ///
    /// [`FrameError::NotUtf8`].
    pub fn finish(&mut self, out: &mut Vec<Frame>) -> Result<(), FrameError> {
        self.lines.finish(|line| keep(line, out))
    }
}

fn keep(line: &str, out: &mut Vec<Frame>) -> Result<(), FrameError> {
    if !line.trim().is_empty() {
        out.push(Frame { event: None, data: line.to_owned(), is_error: false });
    }
    Ok(())
}
