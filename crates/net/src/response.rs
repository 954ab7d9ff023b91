//! An answer: its head, and a body that is read whole or piece by piece, within bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::error::{Error, ErrorKind, Phase, host};
use crate::request::Limits;

/// The answer to a request. Dropping it before its end closes the connection.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Where it came from, after redirects.
    pub url: Url,
    body: Option<reqwest::Response>,
    limits: Limits,
    deadline: Option<Instant>,
    received: u64,
}

impl Response {
    pub(crate) fn new(
        answer: reqwest::Response,
        url: Url,
        limits: Limits,
        deadline: Option<Instant>,
    ) -> Result<Self, Error> {
        if answer.content_length().is_some_and(|length| length > limits.max_body) {
            return Err(too_large(&url, limits));
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Self { status, headers, url, body: Some(answer), limits, deadline, received: 0 })
    }

    /// Waits for the next piece of the body; nothing at its end. After an error the body is at its end.
    /// Dropping the wait loses nothing.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout), [`TooLarge`](ErrorKind::TooLarge), [`Interrupted`](ErrorKind::Interrupted),
    /// [`BadAnswer`](ErrorKind::BadAnswer).
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let until = sooner(self.deadline, self.limits.idle);
        let chunk = match timeout_at(until, body.chunk()).await {
            Ok(chunk) => chunk.map_err(|error| Error::from_reqwest(&self.url, error)),
            Err(_) => Err(late(&self.url)),
        };
        let chunk = chunk.and_then(|chunk| self.count(chunk));
        // Whatever is not followed by more frees its connection at once.
        if !matches!(chunk, Ok(Some(_))) {
            self.body = None;
        }
        chunk.map_err(|error| error.at_least(Phase::Answered))
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// Those of [`chunk`](Self::chunk).
    pub async fn bytes(mut self) -> Result<Bytes, Error> {
        let mut whole = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    }

    /// Yields the pieces of the body. Dropping the stream closes the connection.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send {
        stream::try_unfold(self, |mut answer| async move {
            Ok(answer.chunk().await?.map(|chunk| (chunk, answer)))
        })
    }

    fn count(&mut self, chunk: Option<Bytes>) -> Result<Option<Bytes>, Error> {
        let Some(chunk) = chunk else { return Ok(None) };
        self.received += chunk.len() as u64;
        if self.received > self.limits.max_body {
            return Err(too_large(&self.url, self.limits));
        }
        Ok(Some(chunk))
    }
}

/// The end of a wait that may take `within`, but never longer than the whole call.
pub(crate) fn sooner(deadline: Option<Instant>, within: Duration) -> Instant {
    let until = Instant::now() + within;
    deadline.map_or(until, |deadline| deadline.min(until))
}

pub(crate) fn late(url: &Url) -> Error {
    Error::new(ErrorKind::Timeout, format!("`{}` did not answer in time", host(url)))
}

fn too_large(url: &Url, limits: Limits) -> Error {
    let context = format!("the answer of `{}` is larger than {} bytes", host(url), limits.max_body);
    Error::new(ErrorKind::TooLarge, context).at_least(Phase::Answered)
}
