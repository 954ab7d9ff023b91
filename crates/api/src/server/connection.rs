//! One connection, from its first byte to its end: by itself when nothing is asked over it, or when the server stops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};

use super::patience::Impatient;
use super::requests::Requests;
use super::sending::{Progress, Sending, Streams};
use super::{ServerLimits, Serving};
use crate::Api;
use crate::body::Outgoing;

/// How much of an answer waits in the connection for a client of HTTP/2 to read on.
const SEND_BUFFER: usize = 64 << 10;
/// Requests that a client of HTTP/2 may take back before anybody has looked at them.
const PENDING_RESETS: usize = 20;
/// Streams of HTTP/2 that the server may have to reset because of what a client does on them.
const ERROR_RESETS: usize = 1_024;
/// How many times `write_time` an answer may wait over HTTP/2: a client says only after a good part of its window that it
/// has read on, however steadily it reads.
const PATIENCE: u32 = 4;
/// How long a client of HTTP/2 may take to answer that the connection ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// One connection.
pub(super) struct Connection {
    pub(super) serving: Serving,
    pub(super) peer: SocketAddr,
}

impl Connection {
    pub(super) async fn run(self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Without it, the last piece of a stream waits for the client's acknowledgement of the one before.
        stream.set_nodelay(true).ok();
        let limits = self.serving.limits;
        let requests = Requests::new();
        let io = TokioIo::new(Impatient::new(stream, &limits, requests.clone()));
        let desk = Desk {
            api: self.serving.api.clone(),
            peer: self.peer.ip(),
            headers: limits.headers,
            requests: requests.clone(),
        };
        let builder = self.builder(&requests);
        let mut serving =
            pin!(builder.serve_connection(io, service_fn(move |request| desk.clone().answer(request))));
        let mut ending = Ending::new(limits, requests);
        let mut stopped = pin!(self.serving.stop.cancelled());
        let outcome = poll_fn(|cx| {
            if let Poll::Ready(outcome) = serving.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            if !ending.is_told && (stopped.as_mut().poll(cx).is_ready() || ending.is_idle(cx)) {
                ending.tell();
                serving.as_mut().graceful_shutdown();
                if let Poll::Ready(outcome) = serving.as_mut().poll(cx) {
                    return Poll::Ready(outcome);
                }
            }
            if ending.is_over(cx) { Poll::Ready(Ok(())) } else { Poll::Pending }
        });
        if let Err(error) = outcome.await {
            tracing::debug!(client.address = %self.peer, %error, "a connection ended in an error");
        }
        drop(permit);
    }

    fn builder(&self, requests: &Requests) -> Builder<Streams> {
        let limits = self.serving.limits;
        let tasks = self.serving.tasks.clone();
        let streams = Streams { tasks, requests: requests.clone(), within: limits.write_time * PATIENCE };
        let mut builder = Builder::new(streams);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time.max(limits.idle_time))
            .max_headers(limits.headers)
            .max_buf_size(limits.header_bytes.max(8 << 10))
            // No `pipeline_flush`: it keeps an answer back while more has come, even when nobody will ever read that.
            .half_close(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(ERROR_RESETS)
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(Some(limits.idle_time))
            .keep_alive_timeout(limits.write_time);
        builder
    }
}

/// Where the requests of one connection are answered.
#[derive(Clone)]
struct Desk {
    api: Api,
    peer: IpAddr,
    /// The most headers of a request.
    headers: usize,
    requests: Requests,
}

impl Desk {
    /// A request begins with the call, not with the first look at what it returns.
    fn answer(
        self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Sending>, Infallible>> + Send {
        let begun = self.requests.begin();
        let progress = (request.version() == Version::HTTP_2).then(Progress::default);
        if let Some(progress) = &progress {
            self.requests.leave(progress.clone());
        }
        async move {
            // Over HTTP/1, hyper counts them.
            let response = if request.headers().len() > self.headers {
                let mut refused = Response::new(Outgoing::Whole(Bytes::new()));
                *refused.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                refused
            } else {
                self.api.answer(request, self.peer).await
            };
            Ok(response.map(|body| Sending::new(body, begun, (self.requests, progress))))
        }
    }
}

/// When a connection of HTTP/2 ends over which nothing is asked. Over HTTP/1, hyper's time for a head is the one for the
/// quiet before it, too.
struct Ending {
    limits: ServerLimits,
    requests: Requests,
    /// The client was told that the connection ends.
    is_told: bool,
    /// What had been written at the last look since then.
    written: usize,
    /// How often that was looked at.
    looks: u32,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Ending {
    fn new(limits: ServerLimits, requests: Requests) -> Self {
        Self { limits, requests, is_told: false, written: 0, looks: 0, timer: None }
    }

    /// The client is told.
    fn tell(&mut self) {
        self.is_told = true;
        self.timer = None;
    }

    /// Whether nothing has been asked for too long.
    fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.requests.are_http_2() {
            return false;
        }
        let most = self.limits.idle_time;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(most)));
        while timer.as_mut().poll(cx).is_ready() {
            let quiet = self.requests.quiet_for().unwrap_or_default();
            if quiet >= most {
                return true;
            }
            timer.as_mut().reset(Instant::now() + most.saturating_sub(quiet));
        }
        false
    }

    /// Whether the client was told, asks for nothing, and does not answer. While it still reads it has longer.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_told || !self.requests.are_http_2() {
            return false;
        }
        let most = self.limits.write_time;
        let pause = FAREWELL.min(most);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(pause)));
        while timer.as_mut().poll(cx).is_ready() {
            let written = std::mem::replace(&mut self.written, self.requests.written());
            // Until the last answer has been handed on, nothing is over.
            self.looks = if self.requests.are_over() { self.looks + 1 } else { 0 };
            let reads = written != self.written && pause * self.looks < most;
            if self.requests.are_over() && !reads {
                return true;
            }
            timer.as_mut().reset(Instant::now() + pause);
        }
        false
    }
}
