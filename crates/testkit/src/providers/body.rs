//! The body of an answer: its steps, taken one by one.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::counters::Call;
use super::line::Fate;
use super::plan::{Answer, Step};

/// The body of an answer.
pub(super) struct ScriptBody {
    steps: Arc<[Step]>,
    at: usize,
    announced: Option<u64>,
    /// Whether what was handed over before is on the wire.
    is_flushed: bool,
    pause: Option<Pin<Box<Sleep>>>,
    call: Call,
    fate: Arc<Fate>,
}

/// The answer breaks off because it was told to.
#[derive(Debug, thiserror::Error)]
#[error("the answer breaks off here")]
pub(super) struct Broken;

impl ScriptBody {
    pub(super) fn new(answer: &Answer, call: Call, fate: Arc<Fate>) -> Self {
        Self {
            steps: Arc::clone(&answer.steps),
            at: 0,
            announced: answer.announced,
            // The head goes with the first bytes; before anything else it has to be out.
            is_flushed: matches!(answer.steps.first(), None | Some(Step::Send(_))),
            pause: None,
            call,
            fate,
        }
    }

    fn send(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.at += 1;
        self.is_flushed = false;
        self.call.sent(bytes.len());
        if self.is_end_stream() {
            self.call.finish();
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for ScriptBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Some(step) = self.steps.get(self.at).cloned() else {
                self.call.finish();
                return Poll::Ready(None);
            };
            if !std::mem::replace(&mut self.is_flushed, true) {
                // Whoever writes flushes when there is nothing to write.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            match step {
                Step::Send(bytes) => return self.send(bytes),
                Step::Pause(length) => {
                    let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(length)));
                    ready!(pause.as_mut().poll(cx));
                    self.pause = None;
                    self.at += 1;
                }
                Step::Hang => {
                    self.call.stall();
                    return Poll::Pending;
                }
                Step::Break(leaving) => {
                    self.call.break_off();
                    self.fate.leave(leaving);
                    return Poll::Ready(Some(Err(Broken)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.steps.len()
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
