//! The few paths of a process that answers nothing else: whether it lives, whether it takes work, its metrics. They tell
//! nothing of what the process works on, so that they need no key.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use codeflow_runtime::Tasks;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::routes::vitals::PROMETHEUS;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Connections at the same time; more wait in the system's queue.
const CONNECTIONS: usize = 64;
/// How long a connection may take for its one request and the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a process is.
pub trait Health: Send + Sync {
    /// Whether work is taken; if not, why, in a word that holds no detail.
    ///
    /// # Errors
    ///
    /// Such a word.
    fn ready(&self) -> Result<(), &'static str>;

    /// Whether wake-ups of other processes are heard, in a word.
    fn wakeups(&self) -> &'static str;

    /// The metrics, as OpenMetrics text.
    fn metrics(&self) -> String;
}

/// Answers until the tasks are told to stop. Connections are among them.
pub async fn serve_health(listener: TcpListener, health: Arc<dyn Health>, tasks: Tasks) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let stop = tasks.stop_token();
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            None => return,
            Some((Ok((stream, _)), permit)) => {
                let health = Arc::clone(&health);
                tasks.spawn("health", async move {
                    let _permit = permit;
                    if timeout(PATIENCE, converse(stream, health)).await.is_err() {
                        tracing::debug!("a connection that asked for health took too long");
                    }
                });
            }
            Some((Err(error), _)) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, health: Arc<dyn Health>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer(&request, health.as_ref());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection that asked for health ended in an error");
    }
}

fn answer(request: &Request<Incoming>, health: &dyn Health) -> Response<Full<Bytes>> {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/health/live" if is_get => told(StatusCode::OK, &json!({ "status": "live" })),
        "/health/ready" if is_get => match health.ready() {
            Ok(()) => told(StatusCode::OK, &json!({ "status": "ready", "wakeups": health.wakeups() })),
            Err(reason) => {
                let body = json!({ "status": "not ready", "reason": reason, "wakeups": health.wakeups() });
                told(StatusCode::SERVICE_UNAVAILABLE, &body)
            }
        },
        "/metrics" if is_get => response(StatusCode::OK, PROMETHEUS, health.metrics()),
        "/health/live" | "/health/ready" | "/metrics" => {
            let mut refused =
                told(StatusCode::METHOD_NOT_ALLOWED, &json!({ "status": "method not allowed" }));
            refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            refused
        }
        _ => told(StatusCode::NOT_FOUND, &json!({ "status": "not found" })),
    }
}

fn told(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    response(status, JSON, body.to_string())
}

fn response(status: StatusCode, kind: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
