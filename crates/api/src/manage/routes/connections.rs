//! `/api/v1/connections`: the tenant's connections to other services. What is secret of them is never told.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse};
use codeflow_auth::{
    Connections, Error, ErrorKind, FinishedConnection, NewConnection, Origin, Permission, SignInAnswer,
};
use codeflow_ratelimit::EndpointClass;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::connection_views::{ConnectedView, ConnectionStateView, ConnectionsView};
use super::cookies::Cookie;
use super::outside::{BegunView, ComeBack};
use crate::manage::deeds::Deed;
use crate::manage::extract::{By, Caller, FromWhere, Json as Body, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};
use crate::refusal::Refusal;

const COOKIE: Cookie = Cookie { name: "codeflow_connect", path: "/api/v1/connections/callback" };

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::ConnectionsRead, EndpointClass::Read);
    let writes = Guard::needs(Permission::ConnectionsWrite, EndpointClass::Write);
    let comes_back =
        Guard::public("the state, the code and the cookie are the credential", EndpointClass::SignIn);
    desk.route(reads, routes!(list_connections))
        .route(comes_back, routes!(finish_connection))
        .route(reads, routes!(get_connection))
        .route(writes.takes(BodyRule::SMALL), routes!(begin_connection))
        .route(writes, routes!(remove_connection))
        .route(writes.takes(BodyRule::SMALL), routes!(check_connection))
}

/// Which connection.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfConnection {
    /// The name of the service.
    #[param(pattern = "^[a-z0-9-]{1,32}$", example = "forge")]
    service: String,
    /// What people call the connection.
    #[param(pattern = "^[A-Za-z0-9._-]{1,64}$", example = "main")]
    name: String,
}

/// Which service.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfService {
    /// The name of the service.
    #[param(pattern = "^[a-z0-9-]{1,32}$", example = "forge")]
    service: String,
}

/// A connection to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginConnection {
    /// A path of this installation to which the browser goes afterwards.
    #[schema(min_length = 1, max_length = 1024, example = "/console")]
    redirect_after: Option<String>,
}

/// Nothing more needs to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckConnection {}

fn connections(office: &Office) -> Result<&Connections, Problem> {
    office.manage.connections.as_ref().ok_or_else(|| Refusal::NotHere.into())
}

/// Lists the connections of the caller's tenant by service and name, and the services to which one can connect. There are
/// at most 500.
#[utoipa::path(get, path = "/api/v1/connections", tag = "connections",
    responses((status = 200, description = "The connections", body = ConnectionsView)))]
async fn list_connections(
    State(office): State<Office>,
    Caller(caller): Caller,
) -> Result<Json<ConnectionsView>, Problem> {
    let all = connections(&office)?;
    let listed = all.list(&caller.tenant).await?;
    Ok(Json(ConnectionsView::of(listed, all.services())))
}

/// Begins a connection. The browser goes where the answer says and has to send the cookie at the end. One of this name that
/// is there already is replaced when all went well.
#[utoipa::path(post, path = "/api/v1/connections/{service}/{name}", tag = "connections",
    params(OfConnection), request_body = BeginConnection,
    responses((status = 200, description = "Where the browser goes", body = BegunView),
        (status = 409, description = "The tenant has too many connections", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn begin_connection(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfConnection>,
    Body(body): Body<BeginConnection>,
) -> Result<impl IntoResponse, Problem> {
    let wish = NewConnection {
        tenant: caller.principal.tenant.clone(),
        service: of.service,
        name: of.name,
        by: caller.actor(),
        redirect_after: body.redirect_after,
    };
    let begun = connections(&office)?.begin(wish).await?;
    let cookie = [(header::SET_COOKIE, COOKIE.set(&begun.browser))];
    Ok((AppendHeaders(cookie), Json(BegunView::from(begun))))
}

/// Finishes a connection with what the other service sent back.
#[utoipa::path(get, path = "/api/v1/connections/callback/{service}", tag = "connections",
    params(OfService, ComeBack), extensions(("x-codeflow-open-query" = json!(true))),
    responses((status = 200, description = "It is connected", body = ConnectedView),
        (status = 401, description = "It cannot be finished", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "Others change the connection all the time", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn finish_connection(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    headers: HeaderMap,
    Path(of): Path<OfService>,
    Query(query): Query<ComeBack>,
) -> Result<impl IntoResponse, Problem> {
    let ComeBack { state, code, error, iss } = query;
    let answer = SignInAnswer { state, code, error, iss, browser: COOKIE.kept(&headers) };
    let desk = office.clone();
    let made = office.to_its_end(async move { finish(&desk, &of.service, &answer, &origin).await }).await?;
    let forget = [(header::SET_COOKIE, COOKIE.forget())];
    Ok((StatusCode::OK, AppendHeaders(forget), Json(ConnectedView::from(made))))
}

async fn finish(
    office: &Office,
    service: &str,
    answer: &SignInAnswer,
    origin: &Origin,
) -> Result<FinishedConnection, Problem> {
    let made = connections(office)?.finish(service, answer).await?;
    let deed = Deed::new("connection.create", format!("{}/{}", made.service, made.name));
    office.done_by((&made.by, &made.tenant), origin, deed).await;
    Ok(made)
}

/// Shows a connection, and how it is.
#[utoipa::path(get, path = "/api/v1/connections/{service}/{name}", tag = "connections", params(OfConnection),
    responses((status = 200, description = "The connection", body = ConnectionStateView)))]
async fn get_connection(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfConnection>,
) -> Result<Json<ConnectionStateView>, Problem> {
    Ok(Json(connections(&office)?.get(&caller.tenant, &of.service, &of.name).await?.into()))
}

const CONNECT_AGAIN: &str =
    "the other service does not take this connection any more: somebody has to connect again";

/// Makes sure that a connection can be used, refreshes it if that is due, and shows how it is then.
#[utoipa::path(post, path = "/api/v1/connections/{service}/{name}/check", tag = "connections",
    params(OfConnection), request_body = CheckConnection,
    responses((status = 200, description = "It can be used", body = ConnectionStateView),
        (status = 409, description = "Somebody has to connect again",
            body = ProblemBody<'static>, content_type = "application/problem+json")))]
async fn check_connection(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfConnection>,
    Body(CheckConnection {}): Body<CheckConnection>,
) -> Result<Json<ConnectionStateView>, Problem> {
    let all = connections(&office)?;
    // The token stays here. Who asks is known well enough: it is the connection that is over.
    let over = |error: Error| {
        let is_over = error.kind() == ErrorKind::SignInFailed;
        if is_over { Error::with_source(ErrorKind::Conflict, CONNECT_AGAIN, error) } else { error }
    };
    let _ = all.access_token(&caller.tenant, &of.service, &of.name).await.map_err(over)?;
    Ok(Json(all.get(&caller.tenant, &of.service, &of.name).await?.into()))
}

/// Removes a connection. The other service is not told: who wants that takes it back there.
#[utoipa::path(delete, path = "/api/v1/connections/{service}/{name}", tag = "connections",
    params(OfConnection), responses((status = 204, description = "It is gone")))]
async fn remove_connection(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfConnection>,
) -> Result<StatusCode, Problem> {
    let removed = connections(&office)?.remove(&caller.principal.tenant, &of.service, &of.name).await?;
    if !removed {
        return Err(Error::new(ErrorKind::NotFound, "there is no such connection").into());
    }
    office.done(&caller, Deed::new("connection.remove", format!("{}/{}", of.service, of.name))).await;
    Ok(StatusCode::NO_CONTENT)
}
