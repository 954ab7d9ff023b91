//! From bytes to lines that end in LF, CRLF or CR.

use crate::FrameError;

/// Cuts bytes into lines. Whole lines are borrowed; only a line that spans pieces is copied.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    /// The last piece ended in CR, so that an LF at the start of the next one belongs to it.
    after_cr: bool,
    begun: bool,
}

impl Lines {
    /// Hands every line that `bytes` completes to `each`.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        limit: usize,
        mut each: impl FnMut(&str) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) else {
                self.hold(bytes, limit)?;
                return Ok(());
            };
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            self.after_cr = bytes[end] == b'\r';
            bytes = rest;
            if self.rest.is_empty() {
                within(line.len(), limit)?;
                self.line(line, &mut each)?;
            } else {
                self.hold(line, limit)?;
                let whole = std::mem::take(&mut self.rest);
                self.line(&whole, &mut each)?;
            }
        }
        Ok(())
    }

    /// The last line, if the stream ended without a line end.
    pub(super) fn finish(
        &mut self,
        mut each: impl FnMut(&str) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() { Ok(()) } else { self.line(&rest, &mut each) }
    }

    fn hold(&mut self, bytes: &[u8], limit: usize) -> Result<(), FrameError> {
        within(self.rest.len() + bytes.len(), limit)?;
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn line(
        &mut self,
        line: &[u8],
        each: &mut impl FnMut(&str) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let text = std::str::from_utf8(line).map_err(|_| FrameError::NotUtf8)?;
        let first = !std::mem::replace(&mut self.begun, true);
        // A byte order mark may open a stream.
        each(text.strip_prefix('\u{feff}').filter(|_| first).unwrap_or(text))
    }
}

fn within(len: usize, limit: usize) -> Result<(), FrameError> {
    if len > limit { Err(FrameError::LongLine(limit)) } else { Ok(()) }
}
