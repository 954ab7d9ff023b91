//! Answers on their way out over HTTP/2, each in a task of its own that gives up when the client takes nothing of it.
//! Over HTTP/1 a connection has one answer at a time, and `patience` watches the socket instead.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use codeflow_runtime::Tasks;
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::time::{Instant, sleep};

use super::requests::{Begun, Requests};
use crate::body::Outgoing;

/// The most that is handed on at once: what a client has no room for stays here, where it is watched.
const PIECE: usize = 16 << 10;
/// What is larger is handed on in two pieces, so that of what nobody watches any more there is little.
const LAST: usize = 1 << 10;

/// Whether a piece of an answer waits until the client has room for it: odd while one does.
#[derive(Clone, Default)]
pub(super) struct Progress(Arc<AtomicUsize>);

impl Progress {
    fn gave(&self) {
        self.0.fetch_or(1, Ordering::Relaxed);
    }

    fn was_taken(&self) {
        let now = self.0.load(Ordering::Relaxed);
        self.0.store(now + (now & 1), Ordering::Relaxed);
    }

    /// The piece that waits, told apart from all others.
    fn waiting(&self) -> Option<usize> {
        let now = self.0.load(Ordering::Relaxed);
        (now & 1 == 1).then_some(now)
    }
}

/// A body that counts as a request under way until it is sent or given up.
pub(super) struct Sending {
    body: Outgoing,
    /// What was not handed on yet of a piece that is too large.
    rest: Bytes,
    /// Over HTTP/2, for the task that sends it.
    progress: Option<Progress>,
    requests: Requests,
    _begun: Begun,
}

impl Sending {
    pub(super) fn new(
        body: Outgoing,
        begun: Begun,
        (requests, progress): (Requests, Option<Progress>),
    ) -> Self {
        Self { body, rest: Bytes::new(), progress, requests, _begun: begun }
    }
}

/// The next piece of what is left.
fn cut(rest: &mut Bytes) -> Bytes {
    let len = rest.len();
    let piece = if len <= LAST { len } else { PIECE.min(len - LAST) };
    rest.split_to(piece)
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(progress) = &this.progress else { return Pin::new(&mut this.body).poll_frame(cx) };
        progress.was_taken();
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                None => return Poll::Ready(None),
                Some(Err(never)) => match never {},
            }
        }
        let piece = cut(&mut this.rest);
        progress.gave();
        this.requests.gave(&piece);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            Some(len) => SizeHint::with_exact(len + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}

/// Runs the requests of one connection of HTTP/2.
#[derive(Clone)]
pub(super) struct Streams {
    pub(super) tasks: Tasks,
    pub(super) requests: Requests,
    /// How long a client may take nothing of an answer.
    pub(super) within: Duration,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
{
    fn execute(&self, stream: F) {
        let within = self.within;
        let progress = self.requests.take().unwrap_or_default();
        // In a box, because a task, and what watches it, have room for what they run several times.
        let stream = Box::pin(stream);
        self.tasks.spawn("stream", async move { patiently(stream, &progress, within).await });
    }
}

/// Runs it to its end, or drops it, which resets the stream, when a piece of the answer has waited for too long.
async fn patiently(stream: impl Future, progress: &Progress, within: Duration) {
    let (mut stream, mut stalled) = (pin!(stream), pin!(sleep(within)));
    let mut seen = None;
    poll_fn(|cx| {
        if stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(piece) = progress.waiting() else { return Poll::Pending };
        if seen != Some(piece) {
            seen = Some(piece);
            stalled.as_mut().reset(Instant::now() + within);
        }
        stalled.as_mut().poll(cx).map(|()| tracing::debug!("a client takes nothing of an answer"))
    })
    .await;
}
