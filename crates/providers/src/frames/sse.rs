//! Server-sent events.

use super::{Frame, FrameError, Limits, lines::Lines};

/// Cuts bytes into server-sent events. Comments, ids and retry hints are skipped, and an event without data is none. An
/// event that the stream does not end with an empty line is lost, as the format says.
#[derive(Clone, Debug, Default)]
pub struct SseDecoder {
    limits: Limits,
    lines: Lines,
    event: Pending,
}

#[derive(Clone, Debug, Default)]
struct Pending {
    frame: Frame,
    has_data: bool,
}

impl SseDecoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes the next bytes and appends the events they complete; also those before an error.
    ///
    /// # Errors
    ///
    /// [`FrameError`], after which the decoder is of no use.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), FrameError> {
        let Self { limits, lines, event } = self;
        lines.push(bytes, limits.line, |line| event.line(line, limits.frame, out))
    }
}

impl Pending {
    fn line(&mut self, line: &str, limit: usize, out: &mut Vec<Frame>) -> Result<(), FrameError> {
        if line.is_empty() {
            let Self { frame, has_data } = std::mem::take(self);
            if has_data {
                out.push(frame);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.frame.event = Some(value.to_owned()),
            "data" => return self.data(value, limit),
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, value: &str, limit: usize) -> Result<(), FrameError> {
        if self.frame.data.len() + value.len() + 1 > limit {
            return Err(FrameError::LargeFrame(limit));
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.frame.data.push('\n');
        }
        self.frame.data.push_str(value);
        Ok(())
    }
}
