//! What a client of HTTP/2 sends, frame by frame: heads that do not come to their end, and floods of frames that ask for
//! nothing. What is in a frame is read by hyper alone.

use std::io;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::requests::Requests;

/// The frames that a client may send without asking for anything by them, beside those about answers: so many in so long.
const IDLE_FRAMES: usize = 1_000;
const IDLE_TIME: Duration = Duration::from_secs(10);
/// The frames about answers that a client may be behind with.
const MOST_CREDIT: usize = 100_000;

/// A length of 24 bits, a kind, flags, and the number of a stream.
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
/// On the last frame of a head.
const END_HEADERS: u8 = 4;

/// Watches what a client sends after the preface.
pub(super) struct Frames {
    /// How long a head may take.
    within: Duration,
    requests: Requests,
    /// The head of the frame that begins.
    head: [u8; HEAD],
    known: usize,
    /// How much of the frame's payload is still to come.
    rest: usize,
    /// A head of a request has begun and not ended.
    is_open: bool,
    timer: Option<Pin<Box<Sleep>>>,
    idle: Idle,
}

/// Frames that ask for nothing.
struct Idle {
    count: usize,
    since: Instant,
    /// What of that which was earned they have used up.
    spent: usize,
}

impl Frames {
    pub(super) fn new(within: Duration, requests: Requests) -> Self {
        let idle = Idle { count: 0, since: Instant::now(), spent: 0 };
        Self { within, requests, head: [0; HEAD], known: 0, rest: 0, is_open: false, timer: None, idle }
    }

    /// Bytes came.
    ///
    /// # Errors
    /// The client sends too much that asks for nothing.
    pub(super) fn came(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.known < HEAD {
                let len = bytes.len().min(HEAD - self.known);
                self.head[self.known..self.known + len].copy_from_slice(&bytes[..len]);
                (self.known, bytes) = (self.known + len, &bytes[len..]);
                if self.known < HEAD {
                    return Ok(());
                }
                self.begins()?;
            }
            let len = bytes.len().min(self.rest);
            (self.rest, bytes) = (self.rest - len, &bytes[len..]);
            if self.rest == 0 {
                self.ends();
            }
        }
        Ok(())
    }

    /// Whether the rest of a head has been waited for too long.
    pub(super) fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_open {
            return false;
        }
        let within = self.within;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(within)));
        timer.as_mut().poll(cx).is_ready()
    }

    /// The head of a frame is there.
    fn begins(&mut self) -> io::Result<()> {
        let [high, middle, low, kind, ..] = self.head;
        self.rest = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match kind {
            HEADERS => {
                self.is_open = true;
                self.timer = None;
                Ok(())
            }
            // hyper counts those that are empty, and heads in too many pieces.
            DATA | CONTINUATION => Ok(()),
            _ => self.idle.count(&self.requests),
        }
    }

    /// A frame is whole.
    fn ends(&mut self) {
        let [.., kind, flags, _, _, _, _] = self.head;
        if matches!(kind, HEADERS | CONTINUATION) && flags & END_HEADERS != 0 {
            self.is_open = false;
        }
        self.known = 0;
    }
}

impl Idle {
    fn count(&mut self, requests: &Requests) -> io::Result<()> {
        self.count += 1;
        if self.count < IDLE_FRAMES {
            return Ok(());
        }
        let (now, earned) = (Instant::now(), requests.earned());
        let credit = earned.wrapping_sub(self.spent);
        if credit >= self.count {
            // A client may say late and all at once what it has read, so the rest stays.
            self.spent = self.spent.wrapping_add(self.count).max(earned.saturating_sub(MOST_CREDIT));
        } else if now - self.since >= IDLE_TIME {
            self.spent = earned;
        } else {
            return Err(io::Error::other(
                "the client floods the connection with frames that ask for nothing",
            ));
        }
        (self.count, self.since) = (0, now);
        Ok(())
    }
}
