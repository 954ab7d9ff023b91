//! The only code that sends: encode, sign, send, check, decode, in the same sequence for every dialect. It never
//! repeats a request and keeps no time; wrappers do.

mod reading;
mod sending;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use codeflow_core::Clock;
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatModel, ChatRequest, ChatStream, Description, EmbedRequest,
    EmbedResponse, ErrorKind, RawReply, RawRequest, Usage,
};
use codeflow_net::{Guard, Origin, Pool};
use http::HeaderMap;
use http::uri::PathAndQuery;
use url::Url;

use crate::{CredentialSource, Credentials, Dialect, Limits, Mode};
use reading::{Events, Passed};

/// Where a provider is reached, and as whom.
#[derive(Clone)]
pub struct Endpoint {
    /// What comes before the paths of the dialect. A slash at its end makes no difference.
    pub base: Url,
    /// Who we are to it.
    pub credentials: Arc<dyn CredentialSource>,
    /// What is sent with every request beside what the dialect sends.
    pub headers: HeaderMap,
}

impl Endpoint {
    /// An endpoint with credentials that never change, and no further headers.
    pub fn new(base: Url, credentials: Credentials) -> Self {
        Self { base, credentials: Arc::new(Arc::new(credentials)), headers: HeaderMap::new() }
    }
}

/// How much a provider may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The largest whole reply, in bytes.
    pub body: usize,
    /// How much of an error's body is read.
    pub error_body: usize,
    /// The longest stream, in bytes.
    pub stream: u64,
    /// The pieces of a stream.
    pub frames: Limits,
}

impl Default for Bounds {
    /// 32 MiB a reply, 64 KiB an error, 256 MiB a stream.
    fn default() -> Self {
        Self { body: 32 << 20, error_body: 64 << 10, stream: 256 << 20, frames: Limits::default() }
    }
}

/// A model behind HTTP that speaks one dialect.
///
/// It connects through the pool it is given, so that no address is reached that the guard does not allow.
pub struct HttpModel<D: Dialect> {
    dialect: Arc<D>,
    endpoint: Endpoint,
    origin: Origin,
    /// The path of the first request, which with most dialects is that of every one.
    usual: OnceLock<(String, PathAndQuery)>,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
}

impl<D: Dialect> HttpModel<D> {
    /// A model at an endpoint. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// `ProviderConnection` when the guard does not let anybody reach the address.
    pub fn new(
        dialect: D,
        endpoint: Endpoint,
        guard: &Guard,
        pool: Pool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ApiClientError> {
        let dialect = Arc::new(dialect);
        let unreachable = |error| sending::unreachable(&*dialect, "", error);
        guard.check(&endpoint.base).map_err(unreachable)?;
        let origin = pool.origin(&endpoint.base).map_err(unreachable)?;
        Ok(Self { dialect, endpoint, origin, usual: OnceLock::new(), clock, bounds: Bounds::default() })
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    async fn complete_once(&self, request: &ChatRequest) -> Result<Answer, ApiClientError> {
        let wire = self.dialect.encode(request, Mode::Whole)?;
        let body = self.send(&request.model, wire).await?.whole().await?;
        let mut response = self.placed(&request.model, self.dialect.decode(&body))?;
        if response.model.is_empty() {
            response.model.clone_from(&request.model);
        }
        Ok(Answer::Complete(response))
    }

    async fn stream_once(&self, request: &ChatRequest) -> Result<Answer, ApiClientError> {
        let wire = self.dialect.encode(request, Mode::Stream)?;
        let reply = self.send(&request.model, wire).await?.streamed().await?;
        let mut events = Events::new(reply, self.bounds.frames);
        events.begin().await?;
        Ok(Answer::Stream(Box::pin(events) as ChatStream))
    }

    async fn forward_once(&self, request: &RawRequest) -> Result<Answer, ApiClientError> {
        let wire = self.dialect.forward(request)?;
        let reply = self.send(&request.model, wire).await?;
        if !request.stream {
            let body = reply.whole().await?;
            let tap = self.placed(&request.model, self.dialect.tap_body(&body))?;
            return Ok(Answer::Forward(RawReply::Whole { body, tap }));
        }
        let mut passed = Passed::new(reply.streamed().await?, self.bounds.frames, !request.wants_usage);
        passed.begin().await?;
        Ok(Answer::Forward(RawReply::Stream(Box::pin(passed))))
    }

    async fn embed_once(&self, request: &EmbedRequest) -> Result<EmbedResponse, ApiClientError> {
        let wire = self.dialect.encode_embed(request)?;
        let body = self.send(&request.model, wire).await?.whole().await?;
        self.placed(&request.model, self.dialect.decode_embed(request, &body))
    }

    /// Asks for as many vectors at once as the provider gives, until all are there.
    async fn embed_all(&self, request: &EmbedRequest) -> Result<EmbedResponse, ApiClientError> {
        let most = self.dialect.embeds_at_once(&request.model).max(1);
        if request.input.len() <= most {
            return self.embed_once(request).await;
        }
        let mut all: Option<EmbedResponse> = None;
        for input in request.input.chunks(most) {
            let part = EmbedRequest { input: input.to_vec(), ..request.clone() };
            let next = self.embed_once(&part).await?;
            match &mut all {
                None => all = Some(next),
                Some(all) => {
                    all.vectors.extend(next.vectors);
                    // One number that is not known makes the sum unknown.
                    let sum = all.usage.input.zip(next.usage.input).map(|(one, other)| one + other);
                    all.usage = Usage { input: sum, ..Usage::default() };
                }
            }
        }
        all.ok_or_else(|| {
            ApiClientError::new(ErrorKind::Internal, "a request for vectors fell into no parts")
        })
    }
}

#[async_trait]
impl<D: Dialect> ChatModel for HttpModel<D> {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        match ask {
            Ask::Complete(request) => self.complete_once(request).await,
            Ask::Stream(request) => self.stream_once(request).await,
            Ask::Forward(request) => self.forward_once(request).await,
            Ask::Embed(request) => self.embed_all(request).await.map(Answer::Embed),
        }
    }

    fn describe(&self) -> Description {
        Description {
            provider: self.dialect.provider().to_owned(),
            capabilities: self.dialect.capabilities(),
            passes: self.dialect.passes(),
        }
    }
}
