//! `/api/v1/executions/{id}/journal`: what happened to an execution, fact by fact, as the engine keeps it.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_engine::FactPlace;
use codeflow_ratelimit::EndpointClass;
use serde::Deserialize;
use utoipa_axum::routes;

use super::executions::OfExecution;
use super::fact_views::{FactView, place};
use super::lists::{self, Page};
use crate::manage::extract::{Caller, Path, Query};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::ExecutionsRead, EndpointClass::Read);
    desk.route(reads, routes!(execution_journal))
}

/// Which facts.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct JournalQuery {
    /// How many facts; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(pattern = "^[0-9]{1,18}[.][0-9]{1,9}$", example = "7.0")]
    after: Option<String>,
}

/// Shows the journal of an execution, oldest first.
#[utoipa::path(get, path = "/api/v1/executions/{id}/journal", tag = "executions",
    params(OfExecution, JournalQuery),
    responses((status = 200, description = "The facts", body = Page<FactView>)))]
async fn execution_journal(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<Page<FactView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let after = query.after.as_deref().map(read).transpose()?;
    let rows = office.executions()?.facts(&caller.tenant, of.id, (after, limit)).await?;
    Ok(Json(Page::of(rows, limit, |row| place(row.place))))
}

fn read(text: &str) -> Result<FactPlace, Problem> {
    let parts = text.split_once('.');
    let read = parts.and_then(|(seq, ordinal)| {
        Some(FactPlace { seq: seq.parse().ok()?, ordinal: ordinal.parse().ok()? })
    });
    read.ok_or_else(|| Problem::parameter("after", "must be the `next` of an earlier page"))
}
