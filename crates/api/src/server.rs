//! The server: connections with bounds on what a client may make it hold or wait for, and an orderly end.

mod connection;
mod frames;
mod heads;
mod patience;
mod requests;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use codeflow_runtime::Tasks;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Api;
use connection::Connection;

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
    /// How long a connection may ask for nothing, also when it answers pings.
    pub idle_time: Duration,
    /// How long a client may leave what is sent to it unread: over HTTP/2, each answer for itself.
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
                let connection = Connection { serving: serving.clone(), peer };
                // In a box, because a task has room for what it runs twice.
                serving.tasks.spawn("connection", Box::pin(connection.run(stream, permit)));
            }
            Some((Err(error), _)) => {
                // Out of file descriptors, most often: others have to end before it gets better.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
