//! What is sent for one request, step by step, once everything is decided.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// What is done with one request.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// Nothing is ever sent.
    Hang,
    /// The connection ends.
    Leave(Leaving),
    /// A head and a body.
    Answer(Answer),
}

/// A head and a body.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The length that the head announces; without one, the body comes in chunks.
    pub(super) announced: Option<u64>,
    pub(super) steps: Arc<[Step]>,
    /// What happens to the connection as soon as the head is written.
    pub(super) head: Head,
}

/// How the head is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Plain,
    /// Something that is not HTTP comes in its place.
    NotHttp,
    /// Only its beginning comes.
    Cut,
}

/// One step of a body. When there are no more, the body ends.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Send(Bytes),
    Pause(Duration),
    Hang,
    Break(Leaving),
}

/// How a connection ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaving {
    Close,
    Reset,
}
