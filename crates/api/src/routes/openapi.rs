//! `GET /openapi.json`: what there is to ask, for people and for programs. Anybody may read it.

use bytes::Bytes;
use http::Response;

use crate::body::Outgoing;
use crate::exchange;

/// Kept by hand; a test holds it against the routes.
pub(crate) const DOCUMENT: &str = include_str!("../../../../docs/api/openapi.json");

pub(crate) fn answer() -> Response<Outgoing> {
    exchange::json(Bytes::from_static(DOCUMENT.as_bytes()))
}
