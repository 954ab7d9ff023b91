//! A model that does what a test says, and counts who reached it.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{Clock, Timestamp};
use codeflow_model::{
    Answer, ApiClientError, Ask, Capabilities, ChatModel, ChatRequest, ChatResponse, ChatStream, Description,
    Details, EmbedResponse, ErrorKind, FinishReason, Phase, RawPiece, RawReply, RawRequest, Reach,
    StreamEvent, Tap, Usage, WireFormat,
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, sleep};

/// What a call comes to.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// An answer, after a while; a stream of these beats, if a stream was asked for.
    Answer(Duration, Vec<Beat>),
    /// An error, after a while.
    Fail(Duration, ApiClientError),
    /// Nothing, ever.
    Hang,
}

/// What a stream does next.
#[derive(Clone, Debug)]
pub(crate) enum Beat {
    Wait(Duration),
    Say(&'static str),
    Use(u64),
    Finish,
    Fail(ErrorKind),
    Hang,
}

type Script = Box<dyn Fn(usize) -> Act + Send + Sync>;

pub(crate) struct Scripted {
    name: &'static str,
    script: Script,
    calls: AtomicUsize,
    open: Arc<AtomicUsize>,
    models: Mutex<Vec<String>>,
}

impl Scripted {
    /// A provider that does what `script` says at each call; calls are numbered from nought.
    pub(crate) fn new(
        name: &'static str,
        script: impl Fn(usize) -> Act + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            script: Box::new(script),
            calls: AtomicUsize::new(0),
            open: Arc::default(),
            models: Mutex::default(),
        })
    }

    /// How many calls reached it.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many calls and streams are under way.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The models that it was asked for.
    pub(crate) fn models(&self) -> Vec<String> {
        self.models.lock().expect("no test panicked here").clone()
    }
}

/// Counts what is open, for as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream that is open for as long as it lives.
struct Held<S>(S, #[expect(dead_code, reason = "it counts by living")] Open);

impl<S: Stream + Unpin> Stream for Held<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

#[async_trait]
impl ChatModel for Scripted {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        self.models.lock().expect("no test panicked here").push(ask.model().to_owned());
        let open = Open::new(&self.open);
        match (self.script)(number) {
            Act::Answer(wait, beats) => {
                sleep(wait).await;
                Ok(self.answer(ask, beats, open))
            }
            Act::Fail(wait, error) => {
                sleep(wait).await;
                Err(error)
            }
            Act::Hang => std::future::pending().await,
        }
    }

    fn describe(&self) -> Description {
        Description {
            provider: self.name.to_owned(),
            capabilities: Capabilities {
                streaming: true,
                tools: true,
                parallel_tools: true,
                images: true,
                json_object: true,
                json_schema: true,
                thinking: true,
                seed: true,
                embeddings: true,
            },
            passes: (self.name != "foreign").then_some(WireFormat::Messages),
        }
    }
}

impl Scripted {
    fn answer(&self, ask: Ask<'_>, beats: Vec<Beat>, open: Open) -> Answer {
        let usage = Usage { input: Some(7), output: Some(3), ..Usage::default() };
        match ask {
            Ask::Complete(request) => Answer::Complete(ChatResponse {
                id: self.name.to_owned(),
                model: request.model.clone(),
                parts: Vec::new(),
                finish: FinishReason::Stop,
                usage,
            }),
            Ask::Stream(_) => Answer::Stream(Box::pin(Held(play(beats), open))),
            Ask::Forward(request) if request.stream => {
                let pieces = play(beats).map(|item| item.map(raw));
                Answer::Forward(RawReply::Stream(Box::pin(Held(Box::pin(pieces), open))))
            }
            Ask::Forward(_) => {
                let tap = Tap { usage: Some(usage), said: 1, finished: true };
                Answer::Forward(RawReply::Whole { body: "{}".into(), tap })
            }
            Ask::Embed(request) => {
                Answer::Embed(EmbedResponse { model: request.model.clone(), vectors: Vec::new(), usage })
            }
        }
    }
}

fn play(beats: Vec<Beat>) -> ChatStream {
    Box::pin(stream::iter(beats).filter_map(|beat| async move {
        match beat {
            Beat::Wait(wait) => {
                sleep(wait).await;
                None
            }
            Beat::Say(delta) => Some(Ok(StreamEvent::Text { index: 0, delta: delta.to_owned() })),
            Beat::Use(output) => {
                Some(Ok(StreamEvent::Usage(Usage { output: Some(output), ..Usage::default() })))
            }
            Beat::Finish => Some(Ok(StreamEvent::Finished(FinishReason::Stop))),
            Beat::Fail(kind) => {
                let details =
                    Details { phase: Phase::AfterFirstToken, reach: Reach::Unknown, ..Details::default() };
                Some(Err(ApiClientError::new(kind, "broke").about(details)))
            }
            Beat::Hang => std::future::pending().await,
        }
    }))
}

fn raw(event: StreamEvent) -> RawPiece {
    match event {
        StreamEvent::Usage(usage) => {
            RawPiece { tap: Tap { usage: Some(usage), ..Tap::default() }, ..RawPiece::default() }
        }
        StreamEvent::Finished(_) => {
            RawPiece { tap: Tap { finished: true, ..Tap::default() }, ..RawPiece::default() }
        }
        _ => RawPiece { bytes: "data: x\n\n".into(), tap: Tap { said: 1, ..Tap::default() } },
    }
}

/// A moment after the epoch that goes with tokio's clock.
pub(crate) struct TestClock(Instant);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.after(self.0.elapsed())
    }
}

pub(crate) fn answer() -> Act {
    Act::Answer(Duration::ZERO, vec![Beat::Say("hi"), Beat::Finish])
}

pub(crate) fn streams(beats: impl IntoIterator<Item = Beat>) -> Act {
    Act::Answer(Duration::ZERO, beats.into_iter().collect())
}

/// An error as a provider's refusal comes.
pub(crate) fn error(kind: ErrorKind) -> ApiClientError {
    let details = Details { reach: Reach::Refused, provider: "fake".to_owned(), ..Details::default() };
    ApiClientError::new(kind, format!("{kind:?}")).about(details)
}

pub(crate) fn limited(retry_after: Option<Duration>) -> ApiClientError {
    let details = Details { reach: Reach::Refused, retry_after, ..Details::default() };
    ApiClientError::new(ErrorKind::RateLimited, "slow down").about(details)
}

pub(crate) fn fail(kind: ErrorKind) -> Act {
    Act::Fail(Duration::ZERO, error(kind))
}

pub(crate) fn request(model: &str) -> ChatRequest {
    ChatRequest::new(model, Vec::new())
}

/// A request in a public format, for a stream.
pub(crate) fn raw_request(model: &str) -> RawRequest {
    RawRequest {
        format: WireFormat::Messages,
        body: r#"{"model":"m"}"#.into(),
        model_at: 9..12,
        model: model.to_owned(),
        stream: true,
        stream_options_at: None,
        wants_usage: true,
        headers: Vec::new(),
    }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Reads a stream to its end: how many items came, and the error that ended it.
pub(crate) async fn drain<T>(
    mut stream: impl Stream<Item = Result<T, ApiClientError>> + Unpin,
) -> (usize, Option<ApiClientError>) {
    let mut count = 0;
    while let Some(item) = stream.next().await {
        match item {
            Ok(_) => count += 1,
            Err(error) => {
                assert!(stream.next().await.is_none(), "an error is the last item");
                return (count, Some(error));
            }
        }
    }
    (count, None)
}
