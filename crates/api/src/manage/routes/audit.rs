//! `/api/v1/audit`: who did what.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{AuditEntry, AuditFilter, Page as Part, Permission};
use codeflow_core::{Tenant, Timestamp};
use codeflow_ratelimit::EndpointClass;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use crate::manage::extract::{By, Query};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    desk.route(Guard::needs(Permission::AuditRead, EndpointClass::Admin), routes!(list_audit))
        // It reads what is of all tenants, so the wider of the two permissions that it needs.
        .route(Guard::needs(Permission::TenantsAll, EndpointClass::Admin), routes!(verify_audit))
}

/// Which entries.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Of this tenant; the caller's if absent, and for those who may see all tenants, all.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// Of this actor, by id.
    #[param(min_length = 1, max_length = 128, example = "user_01933b1e0000700080000000000000aa")]
    actor: Option<String>,
    /// Of this action.
    #[param(min_length = 1, max_length = 64, example = "user.create")]
    action: Option<String>,
    /// Not before.
    #[param(value_type = Option<String>, format = "date-time", max_length = 40, example = "2026-11-25T10:00:00Z")]
    since: Option<Timestamp>,
    /// Before.
    #[param(value_type = Option<String>, format = "date-time", max_length = 40, example = "2026-11-26T10:00:00Z")]
    until: Option<Timestamp>,
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(minimum = 0, example = 50)]
    after: Option<i64>,
}

/// An entry of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditView {
    /// Its place, counted from one without gaps.
    #[schema(example = 17)]
    position: i64,
    /// When.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    at: String,
    /// In whose data; `null` when that is not known.
    #[schema(example = "default")]
    tenant: Option<String>,
    /// Who: a user or a key, by id or name.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    actor: String,
    /// What.
    #[schema(example = "user.create")]
    action: String,
    /// On what.
    #[schema(example = "user_01933b1e0000700080000000000000ab")]
    target: String,
    /// From where.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// In which request.
    #[schema(example = "req_01933b1e0000700080000000000000aa")]
    request_id: Option<String>,
    /// How it ended: `done`, `refused` or `failed`.
    #[schema(example = "done")]
    outcome: &'static str,
    /// What else there is to say.
    #[schema(value_type = Object, example = json!({ "with": "password" }))]
    details: Map<String, Value>,
    /// The hash of this entry, in hexadecimal digits; it covers the entry before it.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    hash: String,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        let event = entry.event;
        Self {
            position: entry.position,
            at: event.at.to_string(),
            tenant: event.tenant.map(|tenant| tenant.to_string()),
            actor: event.actor,
            action: event.action,
            target: event.target,
            address: event.address,
            request_id: event.request_id,
            outcome: event.outcome.as_str(),
            details: event.details,
            hash: hex(&entry.hash),
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a walk through the audit log found.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditVerdictView {
    /// How many entries were looked at.
    #[schema(example = 1_742)]
    entries: u64,
    /// The first entry that is not what it was; `null` when all are.
    #[schema(example = 17)]
    broken: Option<i64>,
    /// The hash of the last good entry. Kept elsewhere, it shows later whether the end was cut off.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    last: String,
}

/// Walks through the whole audit log, that of all tenants, and says where it was changed. It needs `audit:read` as well.
#[utoipa::path(get, path = "/api/v1/audit/verdict", tag = "audit",
    responses((status = 200, description = "What was found", body = AuditVerdictView)))]
async fn verify_audit(
    State(office): State<Office>,
    By(caller): By,
) -> Result<Json<AuditVerdictView>, Problem> {
    let found = office.identity()?.verify_audit(&caller).await?;
    Ok(Json(AuditVerdictView { entries: found.entries, broken: found.broken, last: hex(&found.last) }))
}

/// Lists the audit log, in its order.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "The entries", body = Page<AuditView>),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn list_audit(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<AuditView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let AuditQuery { tenant, actor, action, since, until, after, .. } = query;
    let filter = AuditFilter { tenant, actor, action, since, until };
    let rows = office.identity()?.list_audit(&caller, filter, Part { after, limit }).await?;
    Ok(Json(Page::of(rows, limit, |row| row.position.to_string())))
}
