//! The layers that count: the limits before anything is looked at, and those of whoever it turns out to be.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use codeflow_auth::{Caller, Credential, Origin, Permission, Principal};
use codeflow_ratelimit::{Decision, Visitor, network_of};

use crate::admission;
use crate::keys::counted_name;
use crate::manage::deeds::whose;
use crate::manage::extract::FromWhere;
use crate::manage::problem::Problem;
use crate::manage::stack::Station;
use crate::refusal::Refusal;

/// The tier of whoever is not recognised.
const ANONYMOUS: &str = "anonymous";

/// The limits of all and of the address.
pub(crate) async fn enter(
    State(station): State<Arc<Station>>,
    FromWhere(origin): FromWhere,
    request: Request,
    next: Next,
) -> Response {
    let decision = station.office.manage.gate.enter(address(&origin), station.guard.class).await;
    let mut response = pass(decision, request, next).await;
    told(&mut response);
    response
}

/// The limits of whoever it is, and of the class of the route.
pub(crate) async fn admit(
    State(station): State<Arc<Station>>,
    FromWhere(origin): FromWhere,
    request: Request,
    next: Next,
) -> Response {
    let principal = request.extensions().get::<Arc<Principal>>().cloned();
    let name = principal
        .as_ref()
        .map_or_else(|| network_of(address(&origin)).to_string(), |principal| name(principal));
    let visitor = Visitor {
        name: &name,
        tier: principal.as_ref().map_or(ANONYMOUS, |principal| &principal.tier),
        may_bypass: principal.as_ref().is_some_and(|one| one.permissions.has(Permission::LimitsBypass)),
        class: station.guard.class,
    };
    let decision = station.office.manage.gate.admit(&visitor).await;
    if let (Some(decision), Some(principal)) = (decision.filter(Decision::is_beyond), principal) {
        let by = Caller { principal, origin };
        station.office.went_beyond(&name, whose(&by), &by.origin, (&decision, station.guard.class));
    }
    pass(decision, request, next).await
}

/// The address of the client; it is known as soon as there is a connection.
fn address(origin: &Origin) -> IpAddr {
    origin.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Under which name somebody is counted: one that nobody else has, whatever people call themselves. All keys of a user are
/// counted together, so that more keys are not more requests.
pub(crate) fn name(principal: &Principal) -> String {
    match (&principal.user, &principal.credential) {
        (_, Credential::Settings(name)) => counted_name(name),
        (Some(user), Credential::Key(_) | Credential::Token(_)) => format!("{user}/{}", principal.tier),
        (None, Credential::Key(id)) => id.to_string(),
        (None, Credential::Token(login)) => login.to_string(),
    }
}

/// Goes on or refuses. Either way the answer tells the limit that matters most of those that were asked.
async fn pass(decision: Option<Decision>, request: Request, next: Next) -> Response {
    let Some(decision) = decision else { return next.run(request).await };
    let mut response = if decision.is_allowed() {
        next.run(request).await
    } else {
        let message = admission::sentence(&decision);
        Problem { message, ..Refusal::Limited.into() }.after(decision.retry_after()).into_response()
    };
    let Told(nearer) = response.extensions_mut().remove().unwrap_or_default();
    response.extensions_mut().insert(Told(Decision::strictest(nearer, Some(decision))));
    response
}

/// What limits said so far of a request that is answered.
#[derive(Clone, Copy, Default)]
struct Told(Option<Decision>);

fn told(response: &mut Response) {
    let Told(decision) = response.extensions_mut().remove().unwrap_or_default();
    if let Some(decision) = decision {
        admission::tell(response.headers_mut(), &decision);
    }
}
