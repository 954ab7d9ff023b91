//! The outermost layers: the names of a request, its end in the log, failures as bytes, panics, and the headers that every
//! answer has.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use codeflow_auth::Origin;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use tokio::time::Instant;

use super::trace::{TRACEPARENT, Trace};
use crate::ledger::Failed;
use crate::manage::problem::Problem;
use crate::manage::stack::Station;
use crate::refusal::Refusal;

/// How much of a body that nobody wants is read, and for how long.
const UNWANTED_BYTES: usize = 64 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

/// What the connection knows of a request.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) request_id: Arc<str>,
    pub(crate) peer: IpAddr,
}

/// A body that nobody has read yet.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<Mutex<Option<Body>>>);

impl Unread {
    pub(crate) fn take(&self) -> Option<Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Names the request and its trace, turns a failure into bytes, and notes how it ended.
pub(crate) async fn identify(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (mut parts, body) = request.into_parts();
    let parts_of = &station.office;
    let arrival = parts.extensions.remove::<Arrival>();
    let Some(Arrival { request_id, peer }) = arrival else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let trace = Trace::of(&parts.headers, &*parts_of.ids);
    let address = parts_of.manage.address.tell(peer, &parts.headers);
    let unread = Unread(Arc::new(Mutex::new(Some(body))));
    let expects = parts.headers.contains_key(header::EXPECT);
    let method = parts.method.clone();
    let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    parts.extensions.insert(Origin {
        address: Some(address),
        agent: agent.map(str::to_owned),
        request_id: Some(request_id.to_string()),
    });
    parts.extensions.insert(unread.clone());
    let mut response = next.run(Request::from_parts(parts, Body::empty())).await;
    let code = render(&mut response, &request_id).map(|problem| {
        note(&station, &method, &problem, &request_id);
        problem.code
    });
    if let Some(value) = trace.header() {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    tracing::info!(
        request.id = %request_id,
        trace.id = %trace.id(),
        http.method = %method,
        http.route = %station.path,
        http.status = response.status().as_u16(),
        error.code = code.unwrap_or_default(),
        duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "a request was answered"
    );
    match unread.take() {
        // The client waits to be told to send it, and will not be.
        Some(_) if expects => {}
        Some(body) => read_away(body).await,
        None => {}
    }
    response
}

/// A failure becomes bytes here, where the request has its name. What failed in no words of ours gets some.
fn render(response: &mut Response, request_id: &str) -> Option<Problem> {
    let problem = response.extensions_mut().remove::<Problem>();
    let status = response.status();
    let failed = status.is_client_error() || status.is_server_error();
    let problem = problem.or_else(|| failed.then(|| Problem::from(Refusal::Internal)))?;
    problem.tell(request_id, response);
    Some(problem)
}

/// What is not the client's fault is counted, under a place from a closed set.
fn note(station: &Station, method: &Method, problem: &Problem, request_id: &str) {
    let Some(blame) = problem.blame() else { return };
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::PATCH];
    let method = known.iter().find(|one| *one == method).map_or("other", Method::as_str);
    let place = format!("{method} {}", station.path);
    station.office.ledger.note(&Failed { code: problem.code, blame, place: &place, request_id });
}

/// Reads a body that nobody wants. A connection that is closed with something unread on it is reset, and the client may
/// never see what it was told.
async fn read_away(body: Body) {
    // What is larger or slower than that is closed on all the same.
    let _ = tokio::time::timeout(UNWANTED_TIME, Limited::new(body, UNWANTED_BYTES).collect()).await;
}

/// A panic is answered like any fault of ours.
pub(crate) async fn catch(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    let answering = AssertUnwindSafe(next.run(request)).catch_unwind();
    answering.await.unwrap_or_else(|_| {
        tracing::error!(critical = true, http.route = %station.path, "a route panicked");
        station.office.vitals.panicked();
        Problem::panicked().into_response()
    })
}

const SECURITY: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// The headers that keep browsers from doing more with an answer than showing it to the program that asked.
pub(crate) async fn harden(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, value);
    }
    if let Some(time) = station.office.manage.settings.hsts {
        let text = format!("max-age={}; includeSubDomains", time.as_secs());
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
        }
    }
    response
}
