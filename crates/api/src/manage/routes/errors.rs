//! `/api/v1/errors`: what failed in this process by no fault of a client.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_ratelimit::EndpointClass;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::ledger::Group;
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem;

/// Where the runbook is, relative to the documentation, with a part for each kind.
const RUNBOOK: &str = "/docs/runbooks/requests-fail";

pub(super) fn routes(desk: Desk) -> Desk {
    desk.route(Guard::needs(Permission::ErrorsRead, EndpointClass::Admin), routes!(list_errors))
}

/// Failures that are alike: of one code, one kind and one place.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorGroupView {
    /// Names the group, in every process alike.
    #[schema(example = "3f7a1c09d2e4b658")]
    fingerprint: String,
    /// The stable code.
    #[schema(example = "engine.unavailable")]
    code: &'static str,
    /// `panic` and `fault` are the server's own, `upstream` is whoever was asked, `away` is what is away or full for now.
    #[schema(example = "away")]
    kind: &'static str,
    /// The route that failed.
    #[schema(example = "GET /api/v1/executions")]
    place: String,
    /// How often, since the process began.
    #[schema(example = 12)]
    count: u64,
    /// When first.
    #[schema(format = "date-time", example = "2026-11-26T08:00:00.000Z")]
    first_seen: String,
    /// When last.
    #[schema(format = "date-time", example = "2026-11-26T08:12:00.000Z")]
    last_seen: String,
    /// The last request that failed so; the log tells its cause.
    #[schema(example = "req_01933b1e0000700080000000000000aa")]
    last_request_id: String,
    /// The page of the code, relative to the documentation.
    #[schema(example = "/docs/errors/engine.unavailable")]
    page: String,
    /// What to do, relative to the documentation.
    #[schema(example = "/docs/runbooks/requests-fail#away")]
    runbook: String,
}

impl From<Group> for ErrorGroupView {
    fn from(group: Group) -> Self {
        let kind = group.blame.as_str();
        Self {
            fingerprint: group.fingerprint(),
            code: group.code,
            kind,
            place: group.place,
            count: group.count,
            first_seen: group.first.to_string(),
            last_seen: group.last.to_string(),
            last_request_id: group.request_id,
            page: format!("{}{}", problem::PAGES, group.code),
            runbook: format!("{RUNBOOK}#{kind}"),
        }
    }
}

/// What failed in this process.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorsView {
    /// The groups, the one that was seen last first; at most 200.
    data: Vec<ErrorGroupView>,
    /// How many groups were let go because there were more.
    #[schema(example = 0)]
    forgotten: u64,
}

/// Lists what failed in this process since it began by no fault of a client, in groups. Each process has its own list.
#[utoipa::path(get, path = "/api/v1/errors", tag = "errors",
    responses((status = 200, description = "The groups", body = ErrorsView)))]
async fn list_errors(State(office): State<Office>) -> Json<ErrorsView> {
    let (groups, forgotten) = office.ledger.groups();
    Json(ErrorsView { data: groups.into_iter().map(ErrorGroupView::from).collect(), forgotten })
}
