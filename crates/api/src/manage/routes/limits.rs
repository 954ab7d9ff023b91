//! `/api/v1/limits`: the limits on requests, changed at run time.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_ratelimit::{EndpointClass, RuleKeeper, Rules};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::manage::deeds::Deed;
use crate::manage::extract::{self, By};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Fault, FieldError, Problem, ProblemBody};
use crate::refusal::Refusal;

pub(super) fn routes(desk: Desk) -> Desk {
    let writes = Guard::needs(Permission::LimitsWrite, EndpointClass::Admin).takes(BodyRule::SMALL);
    desk.route(Guard::needs(Permission::LimitsRead, EndpointClass::Admin), routes!(get_limits))
        .route(writes, routes!(put_limits))
}

/// How much in a minute.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RateView {
    /// Requests that come back in a minute.
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 600)]
    per_minute: u32,
    /// Requests that may come at once; as many as come back in a minute if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 60)]
    burst: Option<u32>,
}

/// Limits on everything that somebody does, and on classes of it. All of them hold together.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClassRatesView {
    /// For everything together.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<RateView>,
    /// For routes of one class: `public`, `sign-in`, `read`, `write`, `model`, `admin`.
    classes: BTreeMap<String, RateView>,
}

/// All limits on requests. What is left out is not limited.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesView {
    /// For all requests together.
    #[serde(skip_serializing_if = "Option::is_none")]
    global: Option<RateView>,
    /// For each address, before it is known who calls.
    #[serde(default)]
    address: ClassRatesView,
    /// For each principal, by the name of its tier.
    #[serde(default)]
    tiers: BTreeMap<String, ClassRatesView>,
}

/// Limits and their version.
#[derive(Serialize, ToSchema)]
pub(crate) struct LimitsView {
    /// Grows with every change; 0 while nobody has changed them.
    #[schema(example = 3)]
    version: u64,
    /// The limits that hold.
    rules: RulesView,
}

/// Other limits.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutLimits {
    /// The version that was seen: if it is another by now, nothing is changed.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64, example = 3)]
    version: u64,
    /// The limits; `null` or absent: those of the settings.
    rules: Option<RulesView>,
}

fn keeper(office: &Office) -> Result<&RuleKeeper, Problem> {
    office.manage.limits.as_deref().ok_or_else(|| Refusal::NotHere.into())
}

fn view(keeper: &RuleKeeper) -> Result<LimitsView, Problem> {
    let (version, rules) = keeper.current();
    let rules = serde_json::from_value(json!(rules)).map_err(|_| Refusal::Internal)?;
    Ok(LimitsView { version, rules })
}

fn rules(view: &RulesView) -> Result<Rules, Problem> {
    serde_json::from_value(json!(view)).map_err(|_| {
        let error = FieldError::of("/rules", Fault::Invalid, "names a class that does not exist");
        Problem::from(Refusal::InvalidBody).with(vec![error])
    })
}

/// Shows the limits that hold.
#[utoipa::path(get, path = "/api/v1/limits", tag = "limits",
    responses((status = 200, description = "The limits", body = LimitsView)))]
async fn get_limits(State(office): State<Office>) -> Result<Json<LimitsView>, Problem> {
    Ok(Json(view(keeper(&office)?)?))
}

/// Changes the limits. This process follows at once, the others within five seconds.
#[utoipa::path(put, path = "/api/v1/limits", tag = "limits", request_body = PutLimits,
    responses((status = 200, description = "The limits that hold now", body = LimitsView),
        (status = 409, description = "Somebody else changed them meanwhile", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn put_limits(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<PutLimits>,
) -> Result<Json<LimitsView>, Problem> {
    let rules = body.rules.as_ref().map(rules).transpose()?;
    let version = keeper(&office)?.change(rules, body.version).await?;
    tracing::info!(limits.version = version, "the limits were changed");
    office.done(&caller, Deed::new("limits.change", "limits").with("version", version)).await;
    Ok(Json(view(keeper(&office)?)?))
}
