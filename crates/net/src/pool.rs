//! Connections for model calls, once for each thread, so that threads do not wait for each other. No redirect is followed
//! and no request repeated; only one of which nothing was written, because its connection had gone meanwhile, takes
//! another connection.

mod body;
mod shelf;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper_util::client::legacy::connect::Connection as _;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;
use url::Url;

use crate::connector::Connector;
use crate::error::{Error, ErrorKind};
use crate::guard::Guard;
use crate::pieces::Pieces;
pub use body::Incoming;
use shelf::{Line, Shelf};

/// How many connections are kept and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections to one host that are kept open although nobody uses them, for each thread.
    pub idle_per_host: usize,
    /// How long a connection is kept that nobody uses.
    pub idle_timeout: Duration,
}

impl Default for PoolSettings {
    /// 256 connections for 90 s.
    fn default() -> Self {
        Self { idle_per_host: 256, idle_timeout: Duration::from_secs(90) }
    }
}

/// Makes connections where a [`Guard`] allows.
#[derive(Clone, Debug)]
pub struct Pool {
    connector: Arc<Connector>,
    settings: PoolSettings,
}

impl Pool {
    /// Makes a pool without connections.
    ///
    /// # Errors
    ///
    /// [`SetUp`](ErrorKind::SetUp) when no certificates can be trusted.
    pub fn new(guard: &Guard, settings: PoolSettings) -> Result<Self, Error> {
        Ok(Self { connector: Arc::new(guard.connector()?), settings })
    }

    /// The connections to one host. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](ErrorKind::InvalidUrl) when the URL has no host that a request can name.
    pub fn origin(&self, url: &Url) -> Result<Origin, Error> {
        let wrong =
            || Error::new(ErrorKind::InvalidUrl, "the URL has no host that a request can name".to_owned());
        let uri: Uri = url.as_str().parse().map_err(|_| wrong())?;
        let (scheme, authority) = uri.scheme().cloned().zip(uri.authority().cloned()).ok_or_else(wrong)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        let threads = available_parallelism().map_or(1, usize::from);
        let shelves = (0..threads).map(|_| Arc::new(Shelf::new(self.settings))).collect();
        let origin =
            Inner { url: url.clone(), scheme, authority, host, shelves, connector: self.connector.clone() };
        Ok(Origin(Arc::new(origin)))
    }
}

/// What came of a request over one connection.
enum Sent {
    /// It was written, at least in part.
    Answered(Result<Response<Incoming>, Error>),
    /// Nothing of it was written.
    Unsent(Box<Request<Pieces>>),
}

/// The connections to one host. A clone shares them.
///
/// The future of a call, and the body of its answer, end the call when they are dropped.
#[derive(Clone)]
pub struct Origin(Arc<Inner>);

struct Inner {
    url: Url,
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    shelves: Box<[Arc<Shelf>]>,
    connector: Arc<Connector>,
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("authority", &self.0.authority).finish_non_exhaustive()
    }
}

impl Origin {
    /// The URL that it was made for.
    pub fn url(&self) -> &Url {
        &self.0.url
    }

    /// Sends a request, whose URI is a path, and returns when the head of the answer is there.
    ///
    /// # Errors
    ///
    /// Every kind but `SetUp`, `TooLarge` and `Redirect`; [`Error::phase`] says how far it came.
    pub async fn send(&self, mut request: Request<Pieces>) -> Result<Response<Incoming>, Error> {
        let shelf = &self.0.shelves[slot() % self.0.shelves.len()];
        loop {
            let line = match shelf.take().await {
                Some(line) => line,
                None => return self.send_anew(shelf, request).await,
            };
            request = match self.send_on(shelf, line, request).await {
                Sent::Answered(answer) => return answer,
                Sent::Unsent(request) => *request,
            };
        }
    }

    /// Sends over a new connection, the only kind that fails for good before anything is sent.
    async fn send_anew(
        &self,
        shelf: &Arc<Shelf>,
        request: Request<Pieces>,
    ) -> Result<Response<Incoming>, Error> {
        let line = self.connect(shelf).await?;
        match self.send_on(shelf, line, request).await {
            Sent::Answered(answer) => answer,
            Sent::Unsent(_) => {
                let text = format!("`{}` ended the connection before a request was sent", self.0.authority);
                Err(Error::new(ErrorKind::Connect, text))
            }
        }
    }

    /// Sends over a connection; gives the request back when nothing of it was written.
    async fn send_on(&self, shelf: &Arc<Shelf>, line: Line, mut request: Request<Pieces>) -> Sent {
        self.address(&line, &mut request);
        match line {
            Line::One(mut sender) => match sender.try_send_request(request).await {
                Ok(answer) => Sent::Answered(Ok(answer.map(|body| Incoming::kept(body, sender, shelf)))),
                Err(mut error) => self.failed(error.take_message(), error.into_error()),
            },
            Line::Many(mut sender) => match sender.try_send_request(request).await {
                Ok(answer) => Sent::Answered(Ok(answer.map(Incoming::shared))),
                Err(mut error) => self.failed(error.take_message(), error.into_error()),
            },
        }
    }

    fn failed(&self, unsent: Option<Request<Pieces>>, error: hyper::Error) -> Sent {
        match unsent {
            Some(request) => Sent::Unsent(Box::new(request)),
            None => Sent::Answered(Err(Error::from_hyper(&self.0.url, error))),
        }
    }

    /// Says whom the request is for, in the way of the protocol that the connection speaks.
    fn address(&self, line: &Line, request: &mut Request<Pieces>) {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        match line {
            Line::One(_) => {
                *request.uri_mut() = Uri::from(path);
                *request.version_mut() = Version::HTTP_11;
                request.headers_mut().insert(HOST, self.0.host.clone());
            }
            Line::Many(_) => {
                let mut parts = http::uri::Parts::default();
                parts.scheme = Some(self.0.scheme.clone());
                parts.authority = Some(self.0.authority.clone());
                parts.path_and_query = Some(path);
                *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
                *request.version_mut() = Version::HTTP_2;
                request.headers_mut().remove(HOST);
            }
        }
    }

    async fn connect(&self, shelf: &Shelf) -> Result<Line, Error> {
        let url = &self.0.url;
        let uri = url.as_str().parse().map_err(|error: http::uri::InvalidUri| {
            Error::new(ErrorKind::InvalidUrl, "the URL is malformed".to_owned()).because(error)
        })?;
        let mut connector = self.0.connector.as_ref().clone();
        let stream = connector.call(uri).await.map_err(|error| Error::from_connector(url, error))?;
        let failed = |error| Error::from_connector(url, Box::new(error));
        if stream.connected().is_negotiated_h2() {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.adaptive_window(true).timer(TokioTimer::new());
            let (sender, connection) = builder.handshake(stream).await.map_err(failed)?;
            TokioExecutor::new().execute(async move { connection.await.unwrap_or_default() });
            shelf.share(sender.clone());
            return Ok(Line::Many(sender));
        }
        let (sender, connection) = http1::handshake(stream).await.map_err(failed)?;
        TokioExecutor::new().execute(async move { connection.await.unwrap_or_default() });
        Ok(Line::One(sender))
    }
}

/// The number of this thread.
fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SLOT: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    SLOT.get()
}
