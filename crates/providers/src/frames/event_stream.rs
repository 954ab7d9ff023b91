//! Amazon's binary event stream: frames with headers, whose two checksums are both checked.

use aws_smithy_eventstream::frame::read_message_from;
use aws_smithy_types::event_stream::{HeaderValue, Message};

use super::{Frame, FrameError, Limits};

/// The length of a frame, that of its headers, and the checksum of both.
const PRELUDE: usize = 12;
/// The checksum of the whole frame follows its payload.
const SMALLEST: usize = PRELUDE + 4;

/// Cuts bytes into the frames of an event stream. A frame's event is its type; an exception's is the exception's.
#[derive(Clone, Debug, Default)]
pub struct EventStreamDecoder {
    limits: Limits,
    rest: Vec<u8>,
}

impl EventStreamDecoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, rest: Vec::new() }
    }

    /// Takes the next bytes and appends the frames they complete; also those before an error.
    ///
    /// # Errors
    ///
    /// [`FrameError`], after which the decoder is of no use.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Frame>) -> Result<(), FrameError> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        let read = loop {
            match self.frame_at(at) {
                Ok(None) => break Ok(()),
                Ok(Some((frame, len))) => {
                    out.extend(frame);
                    at += len;
                }
                Err(error) => break Err(error),
            }
        };
        self.rest.drain(..at);
        read
    }

    /// The frame that begins here and how long it is, once all of it has come. A frame of another kind is none.
    fn frame_at(&self, at: usize) -> Result<Option<(Option<Frame>, usize)>, FrameError> {
        let bytes = &self.rest[at..];
        let Some((head, _)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
        // It is checked before anything is held: a wrong length must not make us wait for what never comes.
        let len = u32::from_be_bytes(*head) as usize;
        if len > self.limits.frame {
            return Err(FrameError::LargeFrame(self.limits.frame));
        }
        if len < SMALLEST {
            return Err(FrameError::BrokenFrame);
        }
        let Some(mut bytes) = bytes.get(..len) else { return Ok(None) };
        let message = read_message_from(&mut bytes).map_err(|_| FrameError::BrokenFrame)?;
        Ok(Some((frame(&message)?, len)))
    }
}

fn frame(message: &Message) -> Result<Option<Frame>, FrameError> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        match header.value() {
            HeaderValue::String(text) => Some(text.as_str().to_owned()),
            _ => None,
        }
    };
    let text = || std::str::from_utf8(message.payload()).map(str::to_owned).map_err(|_| FrameError::NotUtf8);
    Ok(match header(":message-type").as_deref() {
        Some("event") => Some(Frame { event: header(":event-type"), data: text()?, is_error: false }),
        Some("exception") => Some(Frame { event: header(":exception-type"), data: text()?, is_error: true }),
        // Its words are in its headers.
        Some("error") => {
            let data = header(":error-message").unwrap_or_default();
            Some(Frame { event: header(":error-code"), data, is_error: true })
        }
        _ => None,
    })
}
