//! An answer that is watched while the caller reads it: what its pieces say, and how it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use codeflow_model::{Answer, ApiClientError, RawPiece, RawReply, StreamEvent, Usage};
use futures_core::Stream;

/// A boxed stream of pieces.
pub(crate) type Pieces<T> = Pin<Box<dyn Stream<Item = Result<T, ApiClientError>> + Send>>;

/// A piece of a streamed answer, in whichever form.
pub(crate) trait Piece: Send + 'static {
    /// What it says about the answer.
    fn news(&self) -> News;
}

/// What a piece says about its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// What was used until now.
    pub(crate) usage: Option<Usage>,
    /// Whether the answer is complete.
    pub(crate) finished: bool,
}

impl Piece for StreamEvent {
    fn news(&self) -> News {
        match self {
            Self::Usage(usage) => News { usage: Some(*usage), finished: false },
            Self::Finished(_) => News { usage: None, finished: true },
            Self::Started { .. } | Self::Text { .. } | Self::ToolCall { .. } | Self::Thinking { .. } => {
                News::default()
            }
        }
    }
}

impl Piece for RawPiece {
    fn news(&self) -> News {
        News { usage: self.tap.usage, finished: self.tap.finished }
    }
}

/// Watches one answer. It is dropped with the stream, at its end or before.
pub(crate) trait Watcher: Send + Unpin + 'static {
    /// Hears what a piece says.
    fn heard(&mut self, news: News);
    /// The stream ended with an error.
    fn failed(&mut self, error: &ApiClientError);
    /// The stream ended.
    fn ended(&mut self);
}

/// The same answer, watched. A whole one is over at once.
pub(crate) fn watch(answer: Answer, mut watcher: impl Watcher) -> Answer {
    let usage = match answer {
        Answer::Stream(stream) => return Answer::Stream(Box::pin(Watched { stream, watcher })),
        Answer::Forward(RawReply::Stream(stream)) => {
            return Answer::Forward(RawReply::Stream(Box::pin(Watched { stream, watcher })));
        }
        Answer::Forward(RawReply::Whole { ref tap, .. }) => tap.usage,
        Answer::Complete(ref response) => Some(response.usage),
        Answer::Embed(ref response) => Some(response.usage),
    };
    watcher.heard(News { usage, finished: true });
    watcher.ended();
    answer
}

struct Watched<T, W> {
    stream: Pieces<T>,
    watcher: W,
}

impl<T: Piece, W: Watcher> Stream for Watched<T, W> {
    type Item = Result<T, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.stream.as_mut().poll_next(cx));
        match &item {
            Some(Ok(piece)) => self.watcher.heard(piece.news()),
            Some(Err(error)) => self.watcher.failed(error),
            None => self.watcher.ended(),
        }
        Poll::Ready(item)
    }
}
