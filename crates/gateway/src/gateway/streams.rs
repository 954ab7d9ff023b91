//! Answers on their way to the caller, accounted for when they end, however they end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use codeflow_model::{
    Answer, ApiClientError, ChatResponse, ChatStream, ErrorKind, Fold, Part, RawPiece, RawReply, RawStream,
    StreamEvent, Tap, Thinking, ThinkingContent, Usage, estimate_bytes, estimate_text,
};
use futures_core::Stream;

use super::Inner;
use crate::account::{Account, Ending};
use crate::cache::{CacheKey, CachedReply, ResponseCache};
use crate::call::{Evidence, Failed, Reply, ReplyBody};

/// The longest reply that is kept for the cache while it passes.
const LONGEST_KEPT: usize = 4 << 20;

/// An answer that has begun, and who has to hear of its end.
pub(super) struct Delivery {
    pub(super) account: Box<Account>,
    pub(super) evidence: Evidence,
    pub(super) keeper: Option<Keeper>,
}

impl Delivery {
    /// Closes the account of an answer that is whole.
    fn finish(self, body: ReplyBody) -> Reply {
        let Self { account, mut evidence, keeper: _ } = self;
        evidence.cost = account.close(Ending::Answered);
        Reply { body, evidence }
    }

    fn fail(self, error: ApiClientError) -> Failed {
        let Self { account, mut evidence, keeper: _ } = self;
        evidence.cost = account.close(Ending::Failed(&error));
        Failed { error, evidence }
    }

    /// Hands on a stream, which closes the account.
    fn meter<P>(self, inner: Pieces<P>) -> (Metered<P>, Evidence) {
        let Self { account, evidence, keeper } = self;
        (Metered { inner: Some(inner), account: Some(account), keeper }, evidence)
    }
}

impl Inner {
    /// Hands an answer on, and closes its account when it is over.
    pub(super) async fn deliver(&self, answer: Answer, mut delivery: Delivery) -> Result<Reply, Failed> {
        delivery.account.speak();
        match answer {
            Answer::Forward(RawReply::Whole { body, tap }) => {
                delivery.account.hear(tap.usage, estimate_bytes(body.len()));
                if let Some(keeper) = delivery.keeper.take() {
                    keeper.keep(body.clone(), delivery.account.usage());
                }
                Ok(delivery.finish(ReplyBody::Raw(body)))
            }
            Answer::Forward(RawReply::Stream(inner)) => {
                let (stream, evidence) = delivery.meter(inner);
                Ok(Reply { body: ReplyBody::RawStream(Box::pin(stream)), evidence })
            }
            Answer::Complete(response) => Box::pin(self.whole(response, delivery)).await,
            Answer::Stream(inner) if self.reads.reply => Box::pin(self.held_back(inner, delivery)).await,
            Answer::Stream(inner) => {
                let (stream, evidence) = delivery.meter(inner);
                Ok(Reply { body: ReplyBody::Stream(Box::pin(stream)), evidence })
            }
            Answer::Embed(response) => {
                // Vectors are no output, which some providers do not care to say.
                let usage = Usage { output: response.usage.output.or(Some(0)), ..response.usage };
                delivery.account.hear(Some(usage), 0);
                Ok(delivery.finish(ReplyBody::Embed(response)))
            }
        }
    }

    async fn whole(&self, response: ChatResponse, mut delivery: Delivery) -> Result<Reply, Failed> {
        delivery.account.hear(Some(response.usage), tokens_of(&response));
        let judged = self.check_reply(delivery.account.call(), &delivery.evidence, &response).await;
        // What a policy keeps from the caller is paid for all the same.
        let reply = delivery.finish(ReplyBody::Chat(response));
        judged.map_err(|error| Failed { error, evidence: reply.evidence.clone() })?;
        Ok(reply)
    }

    /// A stream that a policy has to see whole is given to the caller when it is.
    async fn held_back(&self, inner: ChatStream, mut delivery: Delivery) -> Result<Reply, Failed> {
        let deadline = delivery.account.call().deadline;
        let gathered = match deadline {
            None => gather(inner, &mut delivery.account).await,
            Some(deadline) => {
                let gathering = gather(inner, &mut delivery.account);
                tokio::time::timeout_at(deadline.into(), gathering).await.unwrap_or_else(|_| {
                    let text = "the reply was not complete before the call's deadline";
                    Err(ApiClientError::new(ErrorKind::Timeout, text))
                })
            }
        };
        let (response, events) = match gathered {
            Ok(gathered) => gathered,
            Err(error) => return Err(delivery.fail(error)),
        };
        let judged = self.check_reply(delivery.account.call(), &delivery.evidence, &response).await;
        let events = futures_util::stream::iter(events.into_iter().map(Ok));
        let reply = delivery.finish(ReplyBody::Stream(Box::pin(events)));
        judged.map_err(|error| Failed { error, evidence: reply.evidence.clone() })?;
        Ok(reply)
    }
}

/// Reads a stream to its end.
async fn gather(
    mut inner: ChatStream,
    account: &mut Account,
) -> Result<(ChatResponse, Vec<StreamEvent>), ApiClientError> {
    let mut fold = Fold::default();
    let mut events = Vec::new();
    while let Some(event) = std::future::poll_fn(|cx| inner.as_mut().poll_next(cx)).await {
        let event = event?;
        event.tell(account);
        fold.push(event.clone())?;
        events.push(event);
    }
    Ok((fold.finish()?, events))
}

/// The tokens that a reply seems to be made of.
fn tokens_of(response: &ChatResponse) -> u64 {
    let tokens = response.parts.iter().map(|part| match part {
        Part::Text(text) => estimate_text(text),
        Part::ToolCall(call) => estimate_text(&call.name).saturating_add(estimate_text(&call.arguments)),
        Part::Thinking(Thinking { content: ThinkingContent::Shown { text, .. }, .. }) => estimate_text(text),
        Part::Thinking(Thinking { content: ThinkingContent::Redacted(data), .. }) => {
            estimate_bytes(data.len())
        }
        // Not a thing that a model says.
        Part::Image(_) | Part::ToolResult(_) => 0,
    });
    tokens.fold(0, u64::saturating_add)
}

/// A stream of an answer that was made before.
pub(super) fn at_once(bytes: Bytes) -> RawStream {
    let tap = Tap { finished: true, ..Tap::default() };
    Box::pin(futures_util::stream::iter([Ok(RawPiece { bytes, tap })]))
}

/// Keeps a copy of what passes, for the cache.
pub(super) struct Keeper {
    cache: Arc<dyn ResponseCache>,
    key: CacheKey,
    bytes: BytesMut,
    stream: bool,
}

impl Keeper {
    pub(super) fn new(cache: Arc<dyn ResponseCache>, key: CacheKey, stream: bool) -> Self {
        Self { cache, key, bytes: BytesMut::new(), stream }
    }

    fn keep(self, body: Bytes, usage: Usage) {
        self.cache.put(self.key, Arc::new(CachedReply { body, stream: self.stream, usage }));
    }
}

/// A piece of an answer that says how far the answer has come.
trait Piece {
    /// Tells the account what the piece says; whether the answer is complete.
    fn tell(&self, account: &mut Account) -> bool;

    /// What a keeper copies.
    fn bytes(&self) -> &[u8];
}

impl Piece for RawPiece {
    fn tell(&self, account: &mut Account) -> bool {
        account.hear(self.tap.usage, u64::from(self.tap.said));
        self.tap.finished
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Piece for StreamEvent {
    fn tell(&self, account: &mut Account) -> bool {
        match self {
            Self::Usage(usage) => account.hear(Some(*usage), 0),
            // A piece is a token or a few.
            Self::Text { .. } | Self::ToolCall { .. } | Self::Thinking { .. } => account.hear(None, 1),
            Self::Finished(_) => return true,
            Self::Started { .. } => {}
        }
        false
    }

    fn bytes(&self) -> &[u8] {
        &[]
    }
}

type Pieces<P> = Pin<Box<dyn Stream<Item = Result<P, ApiClientError>> + Send>>;

/// A stream whose account is closed at its end, at an error, or, by itself, when nobody listens any more.
struct Metered<P> {
    /// None once it is over, so that its connection is free whoever keeps this.
    inner: Option<Pieces<P>>,
    account: Option<Box<Account>>,
    keeper: Option<Keeper>,
}

impl<P: Piece> Metered<P> {
    fn note(&mut self, piece: &P) {
        let Some(account) = &mut self.account else { return };
        let is_finished = piece.tell(account);
        if let Some(keeper) = &mut self.keeper {
            keeper.bytes.extend_from_slice(piece.bytes());
            if keeper.bytes.len() > LONGEST_KEPT {
                self.keeper = None;
            }
        }
        if !is_finished {
            return;
        }
        if let Some(mut keeper) = self.keeper.take() {
            let body = std::mem::take(&mut keeper.bytes).freeze();
            keeper.keep(body, account.usage());
        }
        if let Some(account) = self.account.take() {
            account.close(Ending::Answered);
        }
    }

    /// The end, which is an error when it comes too early.
    fn end(&mut self, error: Option<ApiClientError>) -> Option<ApiClientError> {
        (self.inner, self.keeper) = (None, None);
        let Some(account) = self.account.take() else { return error };
        let error = error.unwrap_or_else(|| {
            ApiClientError::new(ErrorKind::BadResponse, "the stream ended before the reply was complete")
        });
        account.close(Ending::Failed(&error));
        Some(error)
    }
}

impl<P: Piece + Unpin> Stream for Metered<P> {
    type Item = Result<P, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        Poll::Ready(match ready!(inner.as_mut().poll_next(cx)) {
            Some(Ok(piece)) => {
                self.note(&piece);
                Some(Ok(piece))
            }
            Some(Err(error)) => self.end(Some(error)).map(Err),
            None => self.end(None).map(Err),
        })
    }
}
