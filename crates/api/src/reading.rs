//! Reads the body of a request, within its bounds.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

/// How much of a body is read, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// Its bytes.
    pub bytes: usize,
    /// From its head to its end.
    pub time: Duration,
}

impl Default for BodyLimits {
    /// 32 MiB in a minute.
    fn default() -> Self {
        Self { bytes: 32 << 20, time: Duration::from_secs(60) }
    }
}

/// How much of a body that nobody wants is read, and for how long.
const UNWANTED_BYTES: usize = 64 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

/// Why a body cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is larger than allowed.
    TooLarge,
    /// It did not arrive in time.
    Late,
    /// The connection broke, or the body's framing is wrong.
    Broken,
}

/// Reads the whole body.
pub(crate) async fn body<B>(request: Request<B>, limits: BodyLimits) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    let body = request.into_body();
    if body.size_hint().lower() > limits.bytes as u64 {
        return Err(Unread::TooLarge);
    }
    match tokio::time::timeout(limits.time, whole(body, limits.bytes)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Unread::Late),
    }
}

async fn whole<B>(mut body: B, limit: usize) -> Result<Bytes, Unread>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = body.size_hint().exact().and_then(|len| usize::try_from(len).ok());
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        // A small body comes in one piece, which is then not copied.
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced.unwrap_or(first.len() + data.len()).min(limit));
            rest.extend_from_slice(&first);
        }
        if rest.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        rest.extend_from_slice(&data);
    }
    if rest.is_empty() && first.len() > limit {
        return Err(Unread::TooLarge);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Reads a body that nobody wants. A connection that is closed with something unread on it is reset, and the client may
/// never see what it was told.
pub(crate) async fn away(request: Request<Incoming>) {
    // Whoever waits to be told to send it will not be.
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut body = Limited::new(request.into_body(), UNWANTED_BYTES);
    let reads = async { while let Some(Ok(_)) = body.frame().await {} };
    // What is larger or slower than that is closed on all the same.
    let _ = tokio::time::timeout(UNWANTED_TIME, reads).await;
}
