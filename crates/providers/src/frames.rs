//! From bytes to the frames of a stream, in any pieces the network delivers. What a frame means is the dialect's.

mod event_stream;
mod lines;
mod ndjson;
mod raw;
mod sse;

pub use event_stream::EventStreamDecoder;
pub use ndjson::NdjsonDecoder;
pub use raw::{Keep, RawFrame, RawFrames};
pub use sse::SseDecoder;

/// One frame of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The event's name, where the format has one and the server gave one.
    pub event: Option<String>,
    /// What it carries.
    pub data: String,
    /// Whether the format itself calls it an error, where it can.
    pub is_error: bool,
}

/// How much a server may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest line, in bytes.
    pub line: usize,
    /// The largest frame, in bytes.
    pub frame: usize,
}

impl Default for Limits {
    /// 1 MiB a line, 4 MiB a frame.
    fn default() -> Self {
        Self { line: 1 << 20, frame: 4 << 20 }
    }
}

/// A stream is not what its format allows. Nothing more can be read from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A line is too long.
    #[error("a line of the stream is longer than {0} bytes")]
    LongLine(usize),
    /// A frame is too large.
    #[error("a frame of the stream is larger than {0} bytes")]
    LargeFrame(usize),
    /// A line is not UTF-8.
    #[error("a line of the stream is not UTF-8")]
    NotUtf8,
    /// A binary frame's lengths or checksums are wrong.
    #[error("a frame of the stream is broken")]
    BrokenFrame,
}
