//! The server: connections with bounds on what a client may make it hold or wait for, and an orderly end.

mod heads;
mod patience;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use codeflow_runtime::Tasks;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::Api;
use crate::body::UntilSent;
use heads::{Heads, Requests};
use patience::Impatient;

/// What a client may make the server hold or wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at the same time; more wait in the system's queue until one ends.
    pub connections: usize,
    /// The bytes of a request's head.
    pub header_bytes: usize,
    /// The headers of a request.
    pub headers: usize,
    /// How long a head may take to arrive once it has begun.
    pub header_time: Duration,
    /// How long a connection may ask for nothing.
    pub idle_time: Duration,
    /// How long a client may leave what is sent to it unread.
    pub write_time: Duration,
    /// Requests at the same time over one connection of HTTP/2.
    pub streams: u32,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            header_bytes: 64 << 10,
            headers: 100,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            write_time: Duration::from_secs(60),
            streams: 200,
        }
    }
}

/// Everything that one accepting loop needs.
#[derive(Clone)]
pub struct Serving {
    /// What answers.
    pub api: Api,
    /// What clients may do.
    pub limits: ServerLimits,
    /// Where connections run.
    pub tasks: Tasks,
    /// Cancelled when no more connections are to be accepted, and those that are open end after their request.
    pub stop: CancellationToken,
}

/// Accepts and serves connections until it is told to stop. Connections are tasks of [`Serving::tasks`], which the caller
/// waits for.
pub async fn serve(listener: TcpListener, serving: Serving) {
    let room = Arc::new(Semaphore::new(serving.limits.connections));
    let builder = Arc::new(builder(serving.limits));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let accepted = tokio::select! {
            () = serving.stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            None => return,
            Some((Ok((stream, peer)), permit)) => {
                let connection = Connection { serving: serving.clone(), builder: Arc::clone(&builder), peer };
                serving.tasks.spawn("connection", connection.run(stream, permit));
            }
            Some((Err(error), _)) => {
                // Out of file descriptors, most often: others have to end before it gets better.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn builder(limits: ServerLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
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
        .keep_alive_interval(Some(limits.idle_time))
        .keep_alive_timeout(limits.write_time);
    builder
}

/// One connection.
struct Connection {
    serving: Serving,
    builder: Arc<Builder<TokioExecutor>>,
    peer: SocketAddr,
}

impl Connection {
    async fn run(self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        // Without it, the last piece of a stream waits for the client's acknowledgement of the one before.
        stream.set_nodelay(true).ok();
        let limits = self.serving.limits;
        let requests = Requests::default();
        let heads = Heads::new(limits.header_time, requests.clone());
        let io = TokioIo::new(Impatient::new(stream, &limits, heads));
        let (api, peer) = (self.serving.api.clone(), self.peer.ip());
        let service = service_fn(move |request: Request<Incoming>| {
            let (api, begun) = (api.clone(), requests.begin());
            async move {
                let response = api.answer(request, peer).await;
                Ok::<_, Infallible>(response.map(|body| UntilSent { body, _begun: begun }))
            }
        });
        let mut serving = pin!(self.builder.serve_connection(io, service));
        let outcome = tokio::select! {
            outcome = serving.as_mut() => outcome,
            () = self.serving.stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(client.address = %self.peer, %error, "a connection ended in an error");
        }
        drop(permit);
    }
}
