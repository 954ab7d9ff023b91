//! What is sent, and the bounds of the call.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::redirect::MAX_REDIRECTS;

/// One request. Its body is whole, so that a redirect can carry it on.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// The headers; the host and the length of the body are added.
    pub headers: HeaderMap,
    /// The body, possibly empty.
    pub body: Bytes,
}

impl Request {
    /// Prepares a request with no headers and no body.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](ErrorKind::InvalidUrl). The message does not hold the text.
    pub fn new(method: Method, url: &str) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|source| {
            Error::new(ErrorKind::InvalidUrl, "the URL is malformed".to_owned()).because(source)
        })?;
        Ok(Self { method, url, headers: HeaderMap::new(), body: Bytes::new() })
    }
}

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the start of a hop, connecting included, until the head of its answer.
    pub first_byte: Duration,
    /// Between two pieces of a body.
    pub idle: Duration,
    /// For everything, redirects and body included; streams have none.
    pub total: Option<Duration>,
    /// The bytes of a body. Answers are never decompressed, so these are also the bytes received.
    pub max_body: u64,
    /// How many redirects are followed, never more than three. With none, a body stays where it was sent to.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Some(Duration::from_secs(60)),
            max_body: 10 * 1024 * 1024,
            redirects: MAX_REDIRECTS,
        }
    }
}

impl Limits {
    /// For answers that come piece by piece: as long as they keep coming, they may.
    #[must_use]
    pub fn streaming() -> Self {
        Self {
            first_byte: Duration::from_secs(60),
            total: None,
            max_body: 64 * 1024 * 1024,
            ..Self::default()
        }
    }
}
