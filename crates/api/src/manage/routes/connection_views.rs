//! Connections to other services as they are told: never with what is secret of them.

use codeflow_auth::{ConnectionStatus, FinishedConnection, ListedConnection};
use serde::Serialize;
use utoipa::ToSchema;

/// A connection to another service.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    /// The service.
    #[schema(example = "forge")]
    service: String,
    /// What people call it.
    #[schema(example = "main")]
    name: String,
    /// What may be done with it, as the service says.
    #[schema(example = json!(["repo"]))]
    scopes: Vec<String>,
    /// When its access token is over, which is refreshed before if the service allows it; `null`: never.
    #[schema(format = "date-time", example = "2026-11-25T11:00:00.000Z")]
    expires_at: Option<String>,
}

impl From<ListedConnection> for ConnectionView {
    fn from(listed: ListedConnection) -> Self {
        let ListedConnection { service, name, scopes, expires_at } = listed;
        Self { service, name, scopes, expires_at: expires_at.map(|at| at.to_string()) }
    }
}

/// The connections of a tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionsView {
    /// The connections.
    data: Vec<ConnectionView>,
    /// The services to which one can connect.
    #[schema(example = json!(["forge"]))]
    services: Vec<String>,
}

impl ConnectionsView {
    pub(super) fn of<'n>(listed: Vec<ListedConnection>, services: impl Iterator<Item = &'n str>) -> Self {
        Self {
            data: listed.into_iter().map(Into::into).collect(),
            services: services.map(str::to_owned).collect(),
        }
    }
}

/// A connection, and how it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionStateView {
    /// The connection.
    connection: ConnectionView,
    /// `ready`; `due`: it is refreshed when it is needed next; `over` and `refused`: somebody has to connect again.
    #[schema(example = "ready")]
    status: &'static str,
}

impl From<(ListedConnection, ConnectionStatus)> for ConnectionStateView {
    fn from((listed, status): (ListedConnection, ConnectionStatus)) -> Self {
        Self { connection: listed.into(), status: status.as_str() }
    }
}

/// A connection that was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectedView {
    /// The service.
    #[schema(example = "forge")]
    service: String,
    /// What people call it.
    #[schema(example = "main")]
    name: String,
    /// The path that was named at the beginning.
    #[schema(example = "/console")]
    redirect_after: Option<String>,
}

impl From<FinishedConnection> for ConnectedView {
    fn from(made: FinishedConnection) -> Self {
        let FinishedConnection { service, name, redirect_after, .. } = made;
        Self { service, name, redirect_after }
    }
}
