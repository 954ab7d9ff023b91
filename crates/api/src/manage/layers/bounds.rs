//! The innermost layers: what a request may bring, and how long it may be worked on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, header};

use super::identify::Unread;
use crate::BodyLimits;
use crate::exchange::announces_json;
use crate::manage::extract::Checked;
use crate::manage::guard::BodyRule;
use crate::manage::inspection;
use crate::manage::problem::{Fault, FieldError, Problem};
use crate::manage::stack::Station;
use crate::manage::strict;
use crate::reading;
use crate::refusal::Refusal;

/// Reads and checks everything that the request brings, and tells everything that is wrong with it.
pub(crate) async fn bound(
    State(station): State<Arc<Station>>,
    path: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    mut request: Request,
    next: Next,
) -> Response {
    let read = read(&station, path.ok().as_ref(), &mut request).await;
    match read {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn read(station: &Station, path: Option<&RawPathParams>, request: &mut Request) -> Result<(), Problem> {
    let unread = request.extensions_mut().remove::<Unread>();
    let body = match station.guard.body {
        BodyRule::None => None,
        BodyRule::Json(limits) => {
            let body = unread.and_then(|unread| unread.take()).unwrap_or_default();
            Some(strict::read(&bytes(request.headers(), body, limits).await?)?)
        }
    };
    let (mut of_parameters, mut of_body) = (Vec::new(), Vec::new());
    let Some(path) = path else {
        let errors = vec![FieldError::of("", Fault::Invalid, "the path is not UTF-8")];
        return Err(Problem::from(Refusal::InvalidParameter).with(errors));
    };
    let path: BTreeMap<String, String> =
        path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, _) = std::mem::take(request).into_parts();
    let given = station.inspection.parameters(&parts, &path, &mut of_parameters);
    *request = Request::from_parts(parts, Body::empty());
    if let Some(body) = &body {
        station.inspection.body(body, &mut of_body);
    }
    inspection::verdict(of_parameters, of_body)?;
    request.extensions_mut().insert(given);
    if let Some(body) = body {
        request.extensions_mut().insert(Checked(body));
    }
    Ok(())
}

async fn bytes(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Bytes, Problem> {
    let plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !announces_json(headers) || !headers.get_all(header::CONTENT_ENCODING).iter().all(plain) {
        return Err(Refusal::ContentType.into());
    }
    let read = reading::body(Request::new(body), limits).await;
    read.map_err(|unread| match unread {
        reading::Unread::TooLarge => {
            let text = format!("the body is larger than {} bytes", limits.bytes);
            Problem { message: text, ..Refusal::BodyTooLarge.into() }
        }
        reading::Unread::Late => Refusal::BodyLate.into(),
        reading::Unread::Broken => Refusal::BodyBroken.into(),
    })
}

/// Gives up what takes too long. What changes something goes on to its end all the same, also when the client goes away:
/// a change that is made is noted, and what belongs to it is done.
pub(crate) async fn hurry(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    let deadline = station.office.manage.settings.deadline;
    let overdue = || {
        tracing::error!(http.route = %station.path, "a request was worked on for too long");
        Problem::from(Refusal::Overdue).into_response()
    };
    if request.method().is_safe() {
        return tokio::time::timeout(deadline, next.run(request)).await.unwrap_or_else(|_| overdue());
    }
    let work = station.office.work.spawn("request", next.run(request));
    match tokio::time::timeout(deadline, work).await {
        Ok(Ok(Some(response))) => response,
        Ok(Ok(None) | Err(_)) => {
            station.office.vitals.panicked();
            Problem::panicked().into_response()
        }
        Err(_) => overdue(),
    }
}
