//! Models whose provider is a server on this machine, and all the ways to ask them.

use std::sync::Arc;

use bytes::Bytes;
use codeflow_model::{
    ApiClientError, ChatModel, ChatRequest, Message, RawReply, RawRequest, Role, StreamEvent, Usage,
    WireFormat,
};
use codeflow_net::{Guard, NetPolicy, Pool, PoolSettings};
use codeflow_providers::{Bounds, Credentials, Dialect, Endpoint, HttpModel, Limits};
use codeflow_testkit::ManualClock;
use codeflow_testkit::providers::ProviderServer;
use futures_util::StreamExt;
use http::HeaderMap;
use serde_json::json;
use tokio::sync::watch;

use crate::support;

/// The way out of a test, to any server on this machine.
pub(crate) struct Way {
    guard: Guard,
    pool: Pool,
}

impl Way {
    pub(crate) fn out() -> Self {
        let policy = NetPolicy {
            allowed_hosts: vec!["127.0.0.1".parse().expect("is a host")],
            ..NetPolicy::default()
        };
        let guard = Guard::new(policy);
        let pool = Pool::new(&guard, PoolSettings::default()).expect("trusts somebody");
        Self { guard, pool }
    }

    /// A model behind a server. Its bounds are small enough to be met.
    pub(crate) fn to<D: Dialect>(&self, server: &ProviderServer, base: &str, dialect: D) -> HttpModel<D> {
        let base = format!("{}{base}", server.url()).parse().expect("is an address");
        let credentials = Arc::new(Arc::new(Credentials::Key("secret".to_owned().into())));
        let clock = Arc::new(ManualClock::default());
        let endpoint = Endpoint { base, credentials, headers: HeaderMap::new() };
        let model = HttpModel::new(dialect, endpoint, &self.guard, self.pool.clone(), clock);
        let frames = Limits { line: 100_000, frame: 200_000 };
        let bounds = Bounds { body: 1 << 20, error_body: 1 << 10, stream: 1 << 20, frames };
        model.expect("may be reached").with_bounds(bounds)
    }
}

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Whole,
    Stream,
    ForwardWhole,
    ForwardStream,
}

impl Ask {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Stream, Self::ForwardWhole, Self::ForwardStream];

    pub(crate) fn is_streamed(self) -> bool {
        matches!(self, Self::Stream | Self::ForwardStream)
    }

    pub(crate) fn is_forwarded(self) -> bool {
        matches!(self, Self::ForwardWhole | Self::ForwardStream)
    }
}

/// What came of a complete reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Done {
    pub(crate) text: String,
    pub(crate) usage: Usage,
}

pub(crate) fn request() -> ChatRequest {
    ChatRequest::new("a-model", vec![Message::text(Role::User, "Hello")])
}

pub(crate) fn raw(format: WireFormat, stream: bool) -> RawRequest {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    let body =
        json!({ "model": "other", "max_tokens": 9, "messages": messages, "stream": stream }).to_string();
    let at = body.find(r#""other""#).expect("is there");
    RawRequest {
        format,
        body: Bytes::from(body),
        model_at: at..at + 7,
        model: "a-model".to_owned(),
        stream,
        stream_options_at: None,
        wants_usage: false,
        headers: Vec::new(),
    }
}

/// Asks, and reads to the end. `said` becomes true as soon as the caller has seen words.
///
/// # Errors
///
/// The model's.
pub(crate) async fn ask<D: Dialect>(
    model: &HttpModel<D>,
    dialect: &Arc<D>,
    ask: Ask,
    said: &watch::Sender<bool>,
) -> Result<Done, ApiClientError> {
    let format = model.describe().passes;
    match ask {
        Ask::Whole => model.complete(&request()).await.map(done),
        Ask::Stream => read(model, said).await,
        Ask::ForwardWhole => match model.forward(&raw(format.expect("passes"), false)).await? {
            RawReply::Whole { body, tap } => {
                let done = done(dialect.decode(&body).expect("is a reply"));
                assert_eq!(tap.usage.unwrap_or_default(), done.usage);
                Ok(done)
            }
            RawReply::Stream(_) => panic!("was not asked for a stream"),
        },
        Ask::ForwardStream => forward(model, dialect, said).await,
    }
}

fn done(response: codeflow_model::ChatResponse) -> Done {
    let text = response.parts.iter().map(|part| match part {
        codeflow_model::Part::Text(text) => text.as_str(),
        _ => "",
    });
    Done { text: text.collect(), usage: response.usage }
}

async fn read<D: Dialect>(model: &HttpModel<D>, said: &watch::Sender<bool>) -> Result<Done, ApiClientError> {
    let mut stream = model.stream(&request()).await?;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await {
        let event = event?;
        if matches!(event, StreamEvent::Text { .. }) {
            said.send_replace(true);
        }
        events.push(event);
    }
    assert!(matches!(events.last(), Some(StreamEvent::Finished(_))), "ended in {:?}", events.last());
    Ok(done(support::fold(events)))
}

/// Reads what is handed on, as the client would.
async fn forward<D: Dialect>(
    model: &HttpModel<D>,
    dialect: &Arc<D>,
    said: &watch::Sender<bool>,
) -> Result<Done, ApiClientError> {
    let format = model.describe().passes.expect("passes");
    let RawReply::Stream(mut stream) = model.forward(&raw(format, true)).await? else {
        panic!("was asked for a stream");
    };
    let (mut bytes, mut usage, mut finished) = (Vec::new(), Usage::default(), false);
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        usage.update(piece.tap.usage.unwrap_or_default());
        finished |= piece.tap.finished;
        if piece.tap.said > 0 {
            said.send_replace(true);
        }
        bytes.extend_from_slice(&piece.bytes);
    }
    assert!(finished, "ended without being complete");
    let (events, end) = support::read(dialect, [&bytes[..]]);
    end.expect("what is handed on is complete");
    Ok(Done { usage, ..done(support::fold(events)) })
}
