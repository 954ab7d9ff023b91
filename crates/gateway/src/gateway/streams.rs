//! Answers on their way to the caller, accounted for when they end, however they end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use codeflow_model::{
    Answer, ApiClientError, ChatResponse, ChatStream, ErrorKind, Fold, RawPiece, RawReply, RawStream,
    StreamEvent, Tap, Usage,
};
use futures_core::Stream;

use super::Inner;
use super::attempt::Asked;
use crate::account::{Account, Ending, Spoken};
use crate::cache::{CacheKey, CachedReply, ResponseCache};
use crate::call::{Evidence, Failed, Reply, ReplyBody};

/// The longest reply that is kept for the cache while it passes.
const LONGEST_KEPT: usize = 4 << 20;

impl Inner {
    /// Hands an answer on, and closes its account when it is over.
    pub(super) async fn deliver(
        &self,
        answer: Answer,
        mut account: Box<Account>,
        mut evidence: Evidence,
        asked: &Asked,
        key: Option<CacheKey>,
    ) -> Result<Reply, Failed> {
        account.speak();
        let keeper = self.cache.as_ref().zip(key).map(|(cache, key)| Keeper {
            cache: Arc::clone(cache),
            key,
            bytes: BytesMut::new(),
            stream: asked.is_stream(),
        });
        let body = match answer {
            Answer::Forward(RawReply::Whole { body, tap }) => {
                if let Some(keeper) = keeper {
                    keeper.keep(body.clone(), tap.usage.unwrap_or_default());
                }
                evidence.cost = account.close(&Ending::Answered(tap.usage.unwrap_or_default()), &evidence);
                ReplyBody::Raw(body)
            }
            Answer::Forward(RawReply::Stream(inner)) => {
                let told = evidence.clone();
                let open = Some((account, told));
                ReplyBody::RawStream(Box::pin(Metered { inner, open, spoken: Spoken::default(), keeper }))
            }
            Answer::Complete(response) => {
                return Box::pin(self.whole(response, account, evidence)).await;
            }
            Answer::Stream(inner) if self.reads.reply => {
                return Box::pin(self.held_back(inner, account, evidence)).await;
            }
            Answer::Stream(inner) => {
                let open = Some((account, evidence.clone()));
                let keeper = None;
                ReplyBody::Stream(Box::pin(Metered { inner, open, spoken: Spoken::default(), keeper }))
            }
            Answer::Embed(response) => {
                evidence.cost = account.close(&Ending::Answered(response.usage), &evidence);
                ReplyBody::Embed(response)
            }
        };
        Ok(Reply { body, evidence })
    }

    async fn whole(
        &self,
        response: ChatResponse,
        account: Box<Account>,
        mut evidence: Evidence,
    ) -> Result<Reply, Failed> {
        let judged = self.check_reply(account.call(), &evidence, Some(&response)).await;
        evidence.cost = account.close(&Ending::Answered(response.usage), &evidence);
        match judged {
            Ok(()) => Ok(Reply { body: ReplyBody::Chat(response), evidence }),
            Err(error) => Err(Failed { error, evidence }),
        }
    }

    /// A stream that a policy has to see whole is given to the caller when it is.
    async fn held_back(
        &self,
        mut inner: ChatStream,
        account: Box<Account>,
        mut evidence: Evidence,
    ) -> Result<Reply, Failed> {
        let mut fold = Fold::default();
        let mut events = Vec::new();
        let mut spoken = Spoken::default();
        let outcome = loop {
            match std::future::poll_fn(|cx| inner.as_mut().poll_next(cx)).await {
                None => break fold.finish(),
                Some(Err(error)) => break Err(error),
                Some(Ok(event)) => {
                    event.tell(&mut spoken);
                    if let Err(error) = fold.push(event.clone()) {
                        break Err(error);
                    }
                    events.push(event);
                }
            }
        };
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                account.close(&Ending::Broken(&error, spoken), &evidence);
                return Err(Failed { error, evidence });
            }
        };
        let judged = self.check_reply(account.call(), &evidence, Some(&response)).await;
        evidence.cost = account.close(&Ending::Answered(response.usage), &evidence);
        if let Err(error) = judged {
            return Err(Failed { error, evidence });
        }
        let events = futures_util::stream::iter(events.into_iter().map(Ok));
        Ok(Reply { body: ReplyBody::Stream(Box::pin(events)), evidence })
    }
}

/// A stream of an answer that was made before.
pub(super) fn at_once(bytes: Bytes) -> RawStream {
    let tap = Tap { finished: true, ..Tap::default() };
    Box::pin(futures_util::stream::iter([Ok(RawPiece { bytes, tap })]))
}

/// Keeps a copy of what passes, for the cache.
struct Keeper {
    cache: Arc<dyn ResponseCache>,
    key: CacheKey,
    bytes: BytesMut,
    stream: bool,
}

impl Keeper {
    fn keep(self, body: Bytes, usage: Usage) {
        self.cache.put(self.key, Arc::new(CachedReply { body, stream: self.stream, usage }));
    }
}

/// A piece of an answer that says how far the answer has come.
trait Piece {
    /// Adds what the piece says to what was said before; whether the answer is complete.
    fn tell(&self, spoken: &mut Spoken) -> bool;

    /// What a keeper copies.
    fn bytes(&self) -> &[u8];
}

impl Piece for RawPiece {
    fn tell(&self, spoken: &mut Spoken) -> bool {
        if let Some(usage) = self.tap.usage {
            spoken.usage.update(usage);
        }
        spoken.pieces += u64::from(self.tap.said);
        self.tap.finished
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Piece for StreamEvent {
    fn tell(&self, spoken: &mut Spoken) -> bool {
        match self {
            Self::Usage(usage) => spoken.usage.update(*usage),
            Self::Text { .. } | Self::ToolCall { .. } | Self::Thinking { .. } => spoken.pieces += 1,
            Self::Finished(_) => return true,
            Self::Started { .. } => {}
        }
        false
    }

    fn bytes(&self) -> &[u8] {
        &[]
    }
}

/// A stream whose account is closed at its end, at an error, or when nobody listens any more.
struct Metered<P> {
    inner: Pin<Box<dyn Stream<Item = Result<P, ApiClientError>> + Send>>,
    open: Option<(Box<Account>, Evidence)>,
    spoken: Spoken,
    keeper: Option<Keeper>,
}

impl<P> Metered<P> {
    fn close(&mut self, ending: &Ending<'_>) {
        if let Some((account, evidence)) = self.open.take() {
            account.close(ending, &evidence);
        }
    }
}

impl<P: Piece> Metered<P> {
    fn note(&mut self, piece: &P) {
        let finished = piece.tell(&mut self.spoken);
        if let Some(keeper) = &mut self.keeper {
            keeper.bytes.extend_from_slice(piece.bytes());
            if keeper.bytes.len() > LONGEST_KEPT {
                self.keeper = None;
            }
        }
        if finished {
            if let Some(mut keeper) = self.keeper.take() {
                let body = std::mem::take(&mut keeper.bytes).freeze();
                keeper.keep(body, self.spoken.usage);
            }
            self.close(&Ending::Answered(self.spoken.usage));
        }
    }
}

impl<P: Piece + Unpin> Stream for Metered<P> {
    type Item = Result<P, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.as_mut().poll_next(cx));
        match &item {
            Some(Ok(piece)) => self.note(piece),
            Some(Err(error)) => {
                let spoken = self.spoken;
                self.close(&Ending::Broken(error, spoken));
            }
            None if self.open.is_some() => {
                let error = ApiClientError::new(
                    ErrorKind::BadResponse,
                    "the stream ended before the reply was complete",
                );
                let spoken = self.spoken;
                self.close(&Ending::Broken(&error, spoken));
                return Poll::Ready(Some(Err(error)));
            }
            None => {}
        }
        Poll::Ready(item)
    }
}

impl<P> Drop for Metered<P> {
    fn drop(&mut self) {
        let spoken = self.spoken;
        self.close(&Ending::Abandoned(spoken));
    }
}
