//! The layers that ask who it is and whether they may.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use codeflow_auth::{Error, ErrorKind, Principal};
use http::HeaderMap;

use crate::front::ApiParts;
use crate::keys::{KeyRing, Unknown};
use crate::manage::guard::Need;
use crate::manage::problem::Problem;
use crate::manage::stack::Station;
use crate::refusal::Refusal;

/// Finds out who calls, before any route that not everybody may take.
pub(crate) async fn authenticate(
    State(station): State<Arc<Station>>,
    mut request: Request,
    next: Next,
) -> Response {
    match station.guard.need {
        Need::Nobody(_) => {}
        Need::Permission(_) => match principal(&station.office, request.headers()).await {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
            }
            Err(error) => return Problem::from(error).into_response(),
        },
    }
    next.run(request).await
}

/// Whoever a request comes from: by a key of the settings, which costs nothing, else by what storage knows.
async fn principal(parts: &ApiParts, headers: &HeaderMap) -> Result<Arc<Principal>, Error> {
    let presented = KeyRing::presented(headers);
    let presented =
        presented.and_then(|text| if text.is_empty() { Err(Unknown::Malformed) } else { Ok(text) });
    let presented = presented.map_err(|unknown| {
        let (kind, text) = match unknown {
            Unknown::Missing => (
                ErrorKind::MissingCredential,
                "this path needs a credential, as `Authorization: Bearer …` or `x-api-key: …`",
            ),
            Unknown::Malformed | Unknown::Wrong => (
                ErrorKind::MalformedCredential,
                "the credential cannot be read: send one, as `Authorization: Bearer …` or `x-api-key: …`",
            ),
        };
        Error::new(kind, text)
    })?;
    match parts.keys.principal(presented) {
        Some(principal) => Ok(principal),
        None => found_in_time(parts.manage.authenticate.authenticate(presented)).await,
    }
}

/// How long it may take to find out who calls, also when the network to storage is gone.
const FINDING: Duration = Duration::from_secs(10);

/// Who calls, or that it cannot be told now.
pub(crate) async fn found_in_time<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = |_| Error::new(ErrorKind::Unavailable, "who calls cannot be found out in time");
    tokio::time::timeout(FINDING, asked).await.map_err(late)?
}

/// Whether whoever it is may do what the route does.
pub(crate) async fn permit(State(station): State<Arc<Station>>, request: Request, next: Next) -> Response {
    match station.guard.need {
        Need::Nobody(_) => next.run(request).await,
        Need::Permission(permission) => {
            let Some(principal) = request.extensions().get::<Arc<Principal>>() else {
                return Problem::from(Refusal::Internal).into_response();
            };
            match principal.require(permission) {
                Ok(()) => next.run(request).await,
                Err(error) => Problem::from(error).into_response(),
            }
        }
    }
}
