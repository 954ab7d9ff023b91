//! The stack: everything that stands between a connection and a handler under `/api`, in one order.

use std::sync::Arc;

use axum::middleware::from_fn_with_state as layer;
use axum::routing::MethodRouter;
use tower::ServiceBuilder;

use super::guard::Guard;
use super::inspection::Inspection;
use super::layers::{bounds, cors, entrance, guarding, identify};
use super::office::Office;

/// What the layers before one route know of it.
pub(crate) struct Station {
    pub(crate) office: Office,
    pub(crate) guard: Guard,
    pub(crate) inspection: Inspection,
    /// The path as the document has it: what logs may tell without telling ids.
    pub(crate) path: String,
}

/// Puts the whole stack before a route, or before what answers where there is none. Path and method were told apart
/// before: who asks for what is not there costs nothing but the limits.
pub(crate) fn around(station: &Arc<Station>, route: MethodRouter<Office>) -> MethodRouter<Office> {
    let known = || Arc::clone(station);
    route.layer(
        ServiceBuilder::new()
            // First, so that everything that follows has a name to be asked about, and an end in the log.
            .layer(layer(known(), identify::identify))
            // Next, so that no layer can take the connection down with it.
            .layer(layer(known(), identify::catch))
            // Before anything can refuse, so that refusals have these headers, too.
            .layer(layer(known(), identify::harden))
            // Browsers ask without credentials first, so before they are looked at.
            .layer(layer(known(), cors::share))
            // Before credentials: a flood of bad keys must cost no hash and no look at storage.
            .layer(layer(known(), entrance::enter))
            .layer(layer(known(), guarding::authenticate))
            // Before the limits of whoever it is: what one may not do uses nothing up.
            .layer(layer(known(), guarding::permit))
            .layer(layer(known(), entrance::admit))
            // Only now is a body read: nobody makes the server hold one who may not.
            .layer(layer(known(), bounds::bound))
            // Innermost, so that a slow client is not counted as slow work.
            .layer(layer(known(), bounds::hurry)),
    )
}
