//! One request and the head of its reply, with every failure told in our words.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use codeflow_model::{ApiClientError, Details, ErrorKind, Reach};
use codeflow_net as net;
use http::uri::{InvalidUri, PathAndQuery};
use http::{HeaderMap, Request, StatusCode, header};
use http_body::Body;
use tokio::time::timeout;
use url::Url;

use super::{Bounds, HttpModel};
use crate::{Dialect, Signing, WireFailure, WireRequest};

/// How long the body of an error may take, whose status is already known.
const PATIENCE: Duration = Duration::from_secs(1);

/// A reply whose status is good.
pub(super) struct Reply<D: Dialect> {
    pub(super) dialect: Arc<D>,
    pub(super) model: String,
    pub(super) bounds: Bounds,
    /// Nothing once nothing more is to be read, so that the connection is free even while the reply is kept.
    body: Option<net::Incoming>,
    origin: net::Origin,
    headers: HeaderMap,
    status: StatusCode,
}

impl<D: Dialect> HttpModel<D> {
    /// Signs and sends, and returns when the head of a good reply is there.
    pub(super) async fn send(&self, model: &str, mut wire: WireRequest) -> Result<Reply<D>, ApiClientError> {
        let base = &self.endpoint.base;
        let credentials = self.placed(model, self.endpoint.credentials.current())?;
        let signing = Signing { credentials: &credentials, base, now: self.clock.now() };
        self.placed(model, self.dialect.sign(&mut wire, &signing))?;
        let request = self.request(wire)?;
        let sent = self.origin.send(request).await;
        let (head, body) = sent.map_err(|error| unreachable(&*self.dialect, model, error))?.into_parts();
        let reply = Reply {
            dialect: Arc::clone(&self.dialect),
            model: model.to_owned(),
            bounds: self.bounds,
            body: Some(body),
            origin: self.origin.clone(),
            headers: head.headers,
            status: head.status,
        };
        if head.status.is_success() { Ok(reply) } else { Err(reply.failure().await) }
    }

    fn request(&self, wire: WireRequest) -> Result<Request<net::Pieces>, ApiClientError> {
        let mut request = Request::new(wire.body);
        *request.uri_mut() = self.path(&wire.path)?.into();
        *request.method_mut() = wire.method;
        *request.headers_mut() = wire.headers;
        for (name, value) in &self.endpoint.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    /// The path of the base URL and that of the dialect.
    fn path(&self, path: &str) -> Result<PathAndQuery, ApiClientError> {
        if let Some((usual, whole)) = self.usual.get()
            && usual == path
        {
            return Ok(whole.clone());
        }
        let base = self.endpoint.base.path().trim_end_matches('/');
        let whole: PathAndQuery = [base, path].concat().parse().map_err(|error: InvalidUri| {
            let text = format!("`{}` has an address that no request can go to", self.dialect.provider());
            ApiClientError::new(ErrorKind::InvalidRequest, text).because(error)
        })?;
        // Who loses the race to be first parses again next time.
        self.usual.set((path.to_owned(), whole.clone())).ok();
        Ok(whole)
    }

    /// The same result; an error says who was asked, and that the request had reached them.
    pub(super) fn placed<T>(
        &self,
        model: &str,
        result: Result<T, ApiClientError>,
    ) -> Result<T, ApiClientError> {
        result.map_err(|error| placed(&*self.dialect, model, error))
    }
}

impl<D: Dialect> Reply<D> {
    /// The whole body.
    pub(super) async fn whole(mut self) -> Result<Bytes, ApiClientError> {
        self.read(self.bounds.body).await
    }

    /// The same reply, if it is the stream that was asked for. Some servers answer with one whole document instead,
    /// which is an error more often than not.
    pub(super) async fn streamed(mut self) -> Result<Self, ApiClientError> {
        if self.announced() > self.bounds.stream {
            return Err(self.too_large(self.bounds.stream));
        }
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) || self.is_ndjson() {
            return Ok(self);
        }
        let body = self.read(self.bounds.error_body).await?;
        let said = self.dialect.decode(&body).err().filter(|error| error.kind() != ErrorKind::BadResponse);
        Err(match said {
            Some(error) => self.place(error),
            None => self.bad("was asked for a stream and sent a whole document"),
        })
    }

    fn is_ndjson(&self) -> bool {
        self.dialect.framing() == crate::Framing::Ndjson
    }

    async fn failure(mut self) -> ApiClientError {
        let mut body = BytesMut::new();
        // An error is an error, even if no more than its status can be read.
        let _ = timeout(PATIENCE, self.read_some(self.bounds.error_body, &mut body)).await;
        let wire = WireFailure { status: self.status, headers: &self.headers, body: &body };
        let error = self.dialect.failure(&wire);
        let details = Details {
            model: self.model.clone(),
            provider: self.dialect.provider().to_owned(),
            reach: reach_of(self.status),
            ..error.details().clone()
        };
        error.about(details)
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, ApiClientError> {
        if self.announced() > limit as u64 {
            return Err(self.too_large(limit as u64));
        }
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if first.len() + whole.len() + piece.len() > limit {
                return Err(self.too_large(limit as u64));
            }
            if first.is_empty() && whole.is_empty() {
                first = piece;
                continue;
            }
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&piece);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    async fn read_some(&mut self, limit: usize, whole: &mut BytesMut) {
        while let Ok(Some(piece)) = self.next().await {
            let room = limit - whole.len();
            whole.extend_from_slice(&piece[..piece.len().min(room)]);
            if whole.len() == limit {
                break;
            }
        }
    }

    /// How long the body is at least, as the head says.
    fn announced(&self) -> u64 {
        self.body.as_ref().map_or(0, |body| body.size_hint().lower())
    }

    /// The next bytes of the body; nothing at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, ApiClientError> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next bytes of the body; nothing at its end.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ApiClientError>> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(Ok(None)) };
            match ready!(Pin::new(body).poll_frame(cx)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(self.broken(error))),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
            }
        }
    }

    /// Reads no more. A connection whose body has not ended is closed.
    pub(super) fn hang_up(&mut self) {
        self.body = None;
    }

    /// The error of a connection that broke while the body came.
    fn broken(&self, error: <net::Incoming as Body>::Error) -> ApiClientError {
        let text = format!("`{}` ended the connection before its answer was whole", host(self.origin.url()));
        self.place(ApiClientError::new(ErrorKind::ProviderConnection, text).because(error))
    }

    /// A reply that is not what was asked for.
    pub(super) fn bad(&self, what: &str) -> ApiClientError {
        let text = format!("`{}` {what}", self.dialect.provider());
        self.place(ApiClientError::new(ErrorKind::BadResponse, text))
    }

    fn too_large(&self, limit: u64) -> ApiClientError {
        self.bad(&format!("sent a reply of more than {limit} bytes"))
    }

    pub(super) fn place(&self, error: ApiClientError) -> ApiClientError {
        placed(&*self.dialect, &self.model, error)
    }
}

fn placed<D: Dialect>(dialect: &D, model: &str, error: ApiClientError) -> ApiClientError {
    let details = Details {
        provider: dialect.provider().to_owned(),
        model: model.to_owned(),
        reach: Reach::Unknown,
        ..error.details().clone()
    };
    error.about(details)
}

/// How far a request with a bad status came. Whoever answers in the provider's place, or says that time ran out, cannot
/// tell that the provider did nothing.
fn reach_of(status: StatusCode) -> Reach {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Reach::Unknown,
        _ => Reach::Refused,
    }
}

/// A request that found no way, or got no answer.
pub(super) fn unreachable<D: Dialect>(dialect: &D, model: &str, error: net::Error) -> ApiClientError {
    let kind = match error.kind() {
        net::ErrorKind::Timeout => ErrorKind::Timeout,
        net::ErrorKind::BadAnswer => ErrorKind::BadResponse,
        net::ErrorKind::InvalidUrl
        | net::ErrorKind::RefusedAddress
        | net::ErrorKind::Resolve
        | net::ErrorKind::Connect
        | net::ErrorKind::Tls
        | net::ErrorKind::TooLarge
        | net::ErrorKind::Redirect
        | net::ErrorKind::Interrupted
        | net::ErrorKind::SetUp => ErrorKind::ProviderConnection,
    };
    let reach = match error.phase() {
        net::Phase::NotSent => Reach::NotSent,
        net::Phase::MaybeSent | net::Phase::Answered => Reach::Unknown,
    };
    let details = Details {
        provider: dialect.provider().to_owned(),
        model: model.to_owned(),
        reach,
        ..Details::default()
    };
    let text = format!("`{}` could not be asked", dialect.provider());
    ApiClientError::new(kind, text).about(details).because(error)
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}
