//! What handlers share, and the desk at which routes are registered: none without its guard and its document.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use bytes::Bytes;
use codeflow_auth::Identity;
use codeflow_ratelimit::EndpointClass;
use codeflow_runtime::Tasks;
use serde_json::{Value, json};
use tower::ServiceExt;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::document;
use super::guard::Guard;
use super::inspection::Inspection;
use super::ports::{Executions, Workflows};
use super::problem::Problem;
use super::stack::{self, Station};
use crate::front::ApiParts;
use crate::ledger::Ledger;
use crate::refusal::Refusal;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Office {
    parts: Arc<ApiParts>,
    /// Changes under way, which outlive their requests.
    pub(crate) work: Tasks,
    /// What failed.
    pub(crate) ledger: Arc<Ledger>,
    /// The document, once all routes are known.
    pub(crate) document: Arc<OnceLock<Bytes>>,
}

impl std::ops::Deref for Office {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.parts
    }
}

impl Office {
    pub(crate) fn new(parts: Arc<ApiParts>, ledger: Arc<Ledger>) -> Self {
        Self { parts, work: Tasks::new(), ledger, document: Arc::default() }
    }

    /// Users, roles, keys and sign-ins, if this process has them.
    pub(crate) fn identity(&self) -> Result<&Identity, Problem> {
        self.manage.identity.as_deref().ok_or_else(|| Refusal::NotHere.into())
    }

    /// Workflows, if this process has an engine.
    pub(crate) fn workflows(&self) -> Result<&dyn Workflows, Problem> {
        self.manage.workflows.as_deref().ok_or_else(|| Refusal::NotHere.into())
    }

    /// Executions, if this process has an engine.
    pub(crate) fn executions(&self) -> Result<&dyn Executions, Problem> {
        self.manage.executions.as_deref().ok_or_else(|| Refusal::NotHere.into())
    }
}

/// Where routes are registered.
pub(crate) struct Desk {
    office: Office,
    routes: OpenApiRouter<Office>,
}

impl Desk {
    pub(crate) fn new(office: Office) -> Self {
        Self { office, routes: OpenApiRouter::with_openapi(document::begun()) }
    }

    /// Registers one operation behind its guard, which the document tells.
    pub(crate) fn route(self, guard: Guard, operation: UtoipaMethodRouter<Office>) -> Self {
        let (schemas, mut paths, route) = operation;
        let known: BTreeMap<_, _> = schemas.iter().map(|(name, schema)| (name.clone(), schema)).collect();
        let components = json!({ "schemas": known });
        let (mut path, mut told) = (String::new(), Value::Null);
        for (name, item) in &mut paths.paths {
            path.clone_from(name);
            for one in document::operations(item) {
                document::describe(one, guard, name);
                told = json!(one);
            }
        }
        let inspection = Inspection::of(&told, &components);
        let station = Arc::new(Station { office: self.office.clone(), guard, inspection, path });
        let routes = self.routes.routes((schemas, paths, stack::around(&station, route)));
        Self { routes, ..self }
    }

    /// All routes, and what answers where there is none.
    pub(crate) fn close(self) -> (Router, OpenApi) {
        let guard = Guard::public("nothing is told", EndpointClass::Public);
        let beside = |answer: Refusal| {
            let inspection = Inspection::of(&Value::Null, &Value::Null);
            let path = "none".to_owned();
            let station = Arc::new(Station { office: self.office.clone(), guard, inspection, path });
            let route = any(move || std::future::ready(Problem::from(answer)));
            stack::around(&station, route).with_state(self.office.clone())
        };
        let no_path = beside(Refusal::NoSuchPath);
        let no_method = beside(Refusal::MethodNotAllowed);
        let (router, document) = self.routes.split_for_parts();
        let router = router
            .fallback_service::<axum::routing::MethodRouter>(no_path)
            .method_not_allowed_fallback(move |request: Request| no_method.clone().oneshot(request))
            .with_state(self.office);
        (router, document)
    }
}
