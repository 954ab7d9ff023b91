//! The paths under `/api`: everything that manages things, guarded, described, and answered beside the `match` of the
//! model paths. It decides nothing: a handler takes what was checked, calls one port, and converts.

mod beyond;
mod deeds;
mod document;
mod extract;
mod guard;
mod inspection;
mod kinds;
mod layers;
mod office;
mod parts;
mod ports;
mod problem;
mod routes;
mod stack;
mod strict;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::body::Outgoing;
use crate::front::ApiParts;
use crate::ledger::Ledger;
use office::{Desk, Office};

pub(crate) use layers::entrance::name as visitor_name;
pub(crate) use layers::guarding::found_in_time;
pub(crate) use layers::identify::Arrival;
pub use parts::{About, ClientAddress, ManageParts, ManageSettings};
pub use ports::{
    Audit, Control, EnginePorts, Executions, NewRerun, NewStart, PutError, RerunVersion, Sight, Workflows,
};
pub(crate) use problem::Problem;

/// All paths under `/api`. A clone is the same.
#[derive(Clone)]
pub(crate) struct Manage {
    router: Router,
    /// What handlers share; of it, changes under way outlive their requests.
    pub(crate) office: Office,
}

impl Manage {
    /// Registers every route.
    pub(crate) fn new(parts: Arc<ApiParts>, ledger: Arc<Ledger>) -> Self {
        let office = Office::new(parts, ledger);
        let (router, document) = routes::all(Desk::new(office.clone())).close();
        let document = document::text(&document);
        // Nobody else sets it.
        let _ = office.document.set(document);
        Self { router, office }
    }

    /// Waits for changes that go on without their requests. Returns whether all ended in time.
    pub(crate) async fn settle(&self, within: Duration) -> bool {
        self.office.work.shut_down(within).await
    }

    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        mut request: Request<Incoming>,
        arrival: Arrival,
    ) -> Response<Outgoing> {
        request.extensions_mut().insert(arrival);
        let response = match self.router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        // Every answer here is whole already.
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        Response::from_parts(parts, Outgoing::Whole(body))
    }
}
