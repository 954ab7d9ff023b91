//! What a handler is given: all of it was checked before, so that nothing here can be the client's fault.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use codeflow_auth::{Origin, Principal};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::inspection::Given;
use super::problem::{Fault, FieldError, Problem};
use crate::refusal::Refusal;

/// Whoever calls.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

/// Whoever calls, and from where: what use cases of identity ask for.
pub(crate) struct By(pub(crate) codeflow_auth::Caller);

/// From where the request came, and its name.
pub(crate) struct FromWhere(pub(crate) Origin);

/// The body.
pub(crate) struct Json<T>(pub(crate) T);

/// The parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

/// The parameters of the query.
pub(crate) struct Query<T>(pub(crate) T);

/// The headers that the operation names.
pub(crate) struct Headers<T>(pub(crate) T);

/// A body that was read and checked.
#[derive(Clone)]
pub(crate) struct Checked(pub(crate) Value);

fn missing() -> Problem {
    tracing::error!(critical = true, "a handler was reached without what stands before it");
    Refusal::Internal.into()
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Arc<Principal>>().cloned().map(Self).ok_or_else(missing)
    }
}

impl<S: Sync> FromRequestParts<S> for FromWhere {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Origin>().cloned().map(Self).ok_or_else(missing)
    }
}

impl<S: Sync> FromRequestParts<S> for By {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let FromWhere(origin) = FromWhere::from_request_parts(parts, state).await?;
        let Caller(principal) = Caller::from_request_parts(parts, state).await?;
        Ok(Self(codeflow_auth::Caller { principal, origin }))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Checked(value) = parts.extensions.remove::<Checked>().ok_or_else(missing)?;
        serde_json::from_value(value).map(Self).map_err(|error| unread(Refusal::InvalidBody, &error))
    }
}

fn of<T: DeserializeOwned>(
    parts: &Parts,
    which: impl Fn(&Given) -> &Map<String, Value>,
) -> Result<T, Problem> {
    let given = parts.extensions.get::<Given>().ok_or_else(missing)?;
    let value = Value::Object(which(given).clone());
    serde_json::from_value(value).map_err(|error| unread(Refusal::InvalidParameter, &error))
}

/// What a schema lets through and a type does not.
fn unread(refusal: Refusal, error: &serde_json::Error) -> Problem {
    tracing::debug!(%error, "a schema is wider than its type");
    Problem::from(refusal).with(vec![FieldError::of("", Fault::Invalid, "a value is not what it must be")])
}

macro_rules! given {
    ($name:ident, $field:ident) => {
        impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for $name<T> {
            type Rejection = Problem;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
                of(parts, |given| &given.$field).map(Self)
            }
        }
    };
}

given!(Path, path);
given!(Query, query);
given!(Headers, headers);
