//! What providers play, and what they are asked.

use std::pin::Pin;

use bytes::Bytes;
use codeflow_gateway::{Decoded, Facts, Inbound, RawInbound};
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatRequest, ChatResponse, Details, EmbedResponse, ErrorKind, FinishReason,
    Message, Part, Phase, RawPiece, RawReply, RawRequest, Reach, Role, StreamEvent, Tap, Usage, WireFormat,
};
use futures_core::Stream;
use futures_util::StreamExt;

/// What a provider does when it is asked.
pub(crate) enum Play {
    /// It answers.
    Chat(ChatResponse),
    /// It streams, and then ends.
    Events(Vec<Result<StreamEvent, ApiClientError>>),
    /// It streams, and then says nothing more.
    EventsThenNothing(Vec<StreamEvent>),
    /// It answers in its own format.
    Raw(&'static str, Option<Usage>),
    /// It streams in its own format, and then ends.
    Pieces(Vec<Result<RawPiece, ApiClientError>>),
    /// It streams in its own format, and then says nothing more.
    PiecesThenNothing(Vec<RawPiece>),
    /// It answers with vectors.
    Vectors(EmbedResponse),
    /// It fails.
    Fail(ApiClientError),
    /// It says nothing at all.
    Hang,
}

impl Play {
    /// Answers, but only to what it is an answer to.
    pub(crate) async fn answer(self, ask: &Ask<'_>) -> Result<Answer, ApiClientError> {
        let is_asked = match self {
            Self::Chat(_) => matches!(ask, Ask::Complete(_)),
            Self::Events(_) | Self::EventsThenNothing(_) => matches!(ask, Ask::Stream(_)),
            Self::Raw(..) => matches!(ask, Ask::Forward(request) if !request.stream),
            Self::Pieces(_) | Self::PiecesThenNothing(_) => {
                matches!(ask, Ask::Forward(request) if request.stream)
            }
            Self::Vectors(_) => matches!(ask, Ask::Embed(_)),
            Self::Fail(_) | Self::Hang => true,
        };
        assert!(is_asked, "the script answers something else than {ask:?}");
        Ok(match self {
            Self::Chat(response) => Answer::Complete(response),
            Self::Events(events) => Answer::Stream(strict(events)),
            Self::EventsThenNothing(events) => Answer::Stream(endless(events)),
            Self::Raw(body, usage) => {
                let tap = Tap { usage, said: 1, finished: true };
                Answer::Forward(RawReply::Whole { body: Bytes::from_static(body.as_bytes()), tap })
            }
            Self::Pieces(pieces) => Answer::Forward(RawReply::Stream(strict(pieces))),
            Self::PiecesThenNothing(pieces) => Answer::Forward(RawReply::Stream(endless(pieces))),
            Self::Vectors(response) => Answer::Embed(response),
            Self::Fail(error) => return Err(error),
            Self::Hang => std::future::pending().await,
        })
    }
}

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, ApiClientError>> + Send>>;

/// A stream that panics when it is polled after its end, as streams may.
fn strict<T: Send + 'static>(items: Vec<Result<T, ApiClientError>>) -> Items<T> {
    let items = items.into_iter();
    Box::pin(futures_util::stream::unfold(items, async |mut items| Some((items.next()?, items))))
}

fn endless<T: Send + 'static>(items: Vec<T>) -> Items<T> {
    let items = items.into_iter().map(Ok);
    Box::pin(futures_util::stream::iter(items).chain(futures_util::stream::pending()))
}

pub(crate) fn usage(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

pub(crate) fn response(usage: Usage) -> ChatResponse {
    ChatResponse {
        id: "r1".into(),
        model: "one".into(),
        parts: vec![Part::Text("four words of text".into())],
        finish: FinishReason::Stop,
        usage,
    }
}

pub(crate) fn text(delta: &str) -> StreamEvent {
    StreamEvent::Text { index: 0, delta: delta.into() }
}

pub(crate) fn finished() -> StreamEvent {
    StreamEvent::Finished(FinishReason::Stop)
}

/// A piece that holds words, or the end.
pub(crate) fn piece(bytes: &'static str, usage: Option<Usage>, finished: bool) -> RawPiece {
    let said = u32::from(!finished);
    RawPiece { bytes: Bytes::from_static(bytes.as_bytes()), tap: Tap { usage, said, finished } }
}

pub(crate) fn failure(kind: ErrorKind, reach: Reach) -> ApiClientError {
    ApiClientError::new(kind, "it failed").about(Details { reach, ..Details::default() })
}

/// The provider says that it does not do it.
pub(crate) fn refused() -> Play {
    Play::Fail(failure(ErrorKind::Overloaded, Reach::Refused))
}

/// Nobody knows what the provider made of it.
pub(crate) fn unknown() -> Play {
    Play::Fail(failure(ErrorKind::Timeout, Reach::Unknown))
}

/// A break after the first token.
pub(crate) fn said() -> ApiClientError {
    let details = Details { reach: Reach::Unknown, phase: Phase::AfterFirstToken, ..Details::default() };
    ApiClientError::new(ErrorKind::ProviderConnection, "it broke").about(details)
}

/// A conversation as a value, with a limit of a hundred tokens.
pub(crate) fn chat(model: &str, stream: bool) -> Inbound {
    let mut request = ChatRequest::new(model, vec![Message::text(Role::User, "Hello")]);
    request.max_output_tokens = Some(100);
    Inbound::Chat { request, stream }
}

/// A conversation in bytes: ten tokens in and, at most, a hundred out.
pub(crate) fn raw(model: &str, stream: bool) -> Inbound {
    let request = RawRequest {
        format: WireFormat::ChatCompletions,
        body: Bytes::from(format!("{{\"model\":\"{model}\"}}")),
        model_at: 9..11 + model.len(),
        model: model.to_owned(),
        stream,
        stream_options_at: None,
        wants_usage: false,
        headers: Vec::new(),
    };
    let facts = Facts { input_tokens: 10, max_output_tokens: Some(100), ..Facts::default() };
    let decode = |request: &RawRequest| {
        if request.model == "unreadable" {
            return Err(failure(ErrorKind::InvalidRequest, Reach::NotSent));
        }
        let request = ChatRequest::new(&*request.model, vec![Message::text(Role::User, "Hello")]);
        Ok(Decoded { request, dropped: Some("logprobs".to_owned()) })
    };
    Inbound::Raw(RawInbound { request, facts, decode })
}
