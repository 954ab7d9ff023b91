//! Server-sent events that are handed on as they are: whole frames, cut out of the bytes without being copied.

use bytes::{Bytes, BytesMut};

use super::{FrameError, Limits};

/// Cuts bytes into whole server-sent events and leaves them as they are. What is not whole yet is held back.
#[derive(Clone, Debug, Default)]
pub struct RawFrames {
    limits: Limits,
    rest: BytesMut,
    begun: bool,
}

/// One event, borrowed from the bytes that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawFrame<'a> {
    /// The event's name; empty when it has none.
    pub event: &'a [u8],
    /// What it carries.
    pub data: &'a [u8],
}

impl RawFrames {
    /// At the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next bytes, shows every event that they complete, and returns the bytes of those that `see` keeps;
    /// also those before an error, which ends the stream. Comments are kept.
    pub fn push<E: From<FrameError>>(
        &mut self,
        chunk: Bytes,
        mut see: impl FnMut(RawFrame<'_>) -> Result<Keep, E>,
    ) -> (Bytes, Result<(), E>) {
        let whole = match self.join(chunk) {
            Ok(Some(whole)) => whole,
            Ok(None) => return (Bytes::new(), Ok(())),
            Err(error) => return (Bytes::new(), Err(error.into())),
        };
        let mut kept = Kept::default();
        let mut from = 0;
        while let Some(len) = blank_line_end(&whole[from..]) {
            let end = from + len;
            let mut scratch = Vec::new();
            let keep = match frame(self.marked(&whole[from..end]), &mut scratch).map(&mut see) {
                None => Keep::Shown,
                Some(Ok(keep)) => keep,
                Some(Err(error)) => return (kept.of(&whole), Err(error)),
            };
            kept.take(from..end, keep);
            from = end;
        }
        let held = if from < whole.len() { self.hold(&whole[from..]) } else { Ok(()) };
        (kept.of(&whole), held.map_err(E::from))
    }

    /// The bytes of an event without the byte order mark that may open a stream.
    fn marked<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let first = !std::mem::replace(&mut self.begun, true);
        bytes.strip_prefix("\u{feff}".as_bytes()).filter(|_| first).unwrap_or(bytes)
    }

    /// What is at hand; nothing when it cannot complete an event.
    fn join(&mut self, chunk: Bytes) -> Result<Option<Bytes>, FrameError> {
        if self.rest.is_empty() {
            return Ok(Some(chunk));
        }
        // The bytes before are known to complete nothing; only their end may be half of an empty line.
        let seam = self.rest.len().saturating_sub(3);
        self.hold(&chunk)?;
        let complete = blank_line_end(&self.rest[seam..]).is_some();
        Ok(complete.then(|| std::mem::take(&mut self.rest).freeze()))
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if self.rest.len() + bytes.len() > self.limits.frame {
            return Err(FrameError::LargeFrame(self.limits.frame));
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }
}

/// Whether the client sees an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// As it is.
    Shown,
    /// Not at all.
    Hidden,
}

/// The ranges that are kept, most often a single one.
#[derive(Default)]
struct Kept {
    ranges: Vec<std::ops::Range<usize>>,
}

impl Kept {
    fn take(&mut self, range: std::ops::Range<usize>, keep: Keep) {
        match (keep, self.ranges.last_mut()) {
            (Keep::Hidden, _) => {}
            (Keep::Shown, Some(last)) if last.end == range.start => last.end = range.end,
            (Keep::Shown, _) => self.ranges.push(range),
        }
    }

    fn of(self, whole: &Bytes) -> Bytes {
        match self.ranges.as_slice() {
            [] => Bytes::new(),
            [only] => whole.slice(only.clone()),
            several => {
                let parts: Vec<&[u8]> = several.iter().map(|range| &whole[range.clone()]).collect();
                parts.concat().into()
            }
        }
    }
}

/// Where the first empty line ends that follows another line end, or that comes first.
fn blank_line_end(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        if at < line_start {
            // The LF of a CRLF.
            continue;
        }
        let end = match (bytes[at], bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => at + 2,
            _ => at + 1,
        };
        if at == line_start {
            return Some(end);
        }
        line_start = end;
    }
    None
}

/// The event in whole lines; none when they are comments. Data of several lines is put together in `scratch`.
fn frame<'a>(bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<RawFrame<'a>> {
    let mut event: &[u8] = b"";
    let mut data: Option<&[u8]> = None;
    let mut joined = false;
    for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(value) = field(line, b"data") {
            match data {
                None => data = Some(value),
                Some(first) => {
                    if !joined {
                        scratch.extend_from_slice(first);
                    }
                    joined = true;
                    scratch.push(b'\n');
                    scratch.extend_from_slice(value);
                }
            }
        } else if let Some(value) = field(line, b"event") {
            event = value;
        }
    }
    let data = if joined { Some(scratch.as_slice()) } else { data };
    data.map(|data| RawFrame { event, data })
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    // A name alone is a field without a value.
    let value = if rest.is_empty() { rest } else { rest.strip_prefix(b":")? };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
