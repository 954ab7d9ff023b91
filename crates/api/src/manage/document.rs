//! The document of the paths under `/api`: what the types do not say by themselves.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder,
    schema::{ObjectBuilder, SchemaType, Type},
};
use utoipa::{PartialSchema, ToSchema};

use super::guard::{BodyRule, Guard, Need};
use super::problem::{FieldError, ProblemBody};

const BEARER: &str = "bearer";
const API_KEY: &str = "api_key";

/// The document without its paths.
pub(crate) fn begun() -> OpenApi {
    let about = "Paths that manage workflows, executions and identity. The paths of the vendors' SDKs are described in \
                 `/openapi.json`. Failures are problem details (RFC 9457). Times are RFC 3339 in UTC; lists are paged \
                 by key: hand in the `next` of one page to get the one after it.";
    let info = InfoBuilder::new()
        .title("CodeFlow")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(about))
        .build();
    let mut components = Components::new();
    components.schemas.extend([
        (ProblemBody::name().into_owned(), ProblemBody::schema()),
        (FieldError::name().into_owned(), FieldError::schema()),
    ]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token or an API key"))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let key = ApiKeyValue::with_description("x-api-key", "An API key");
    components.add_security_scheme(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

/// The document as it is read, the same in every process.
pub(crate) fn text(document: &OpenApi) -> Bytes {
    let document = sorted(json!(document));
    serde_json::to_vec_pretty(&document).unwrap_or_default().into()
}

/// The same with the members of every object by name: some of them come in no order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.into_iter().collect();
            Value::Object(members.into_iter().map(|(name, value)| (name, sorted(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

/// Writes what stands before an operation into it, and the failures that follow from that.
pub(crate) fn describe(operation: &mut Operation, guard: Guard, path: &str) {
    let extensions = ExtensionsBuilder::new().add("x-codeflow-class", guard.class.as_str());
    let extensions = match guard.need {
        Need::Permission(permission) => {
            let schemes = [BEARER, API_KEY].map(|name| SecurityRequirement::new(name, [""; 0]));
            operation.security = Some(schemes.to_vec());
            extensions.add("x-codeflow-permission", permission.as_str())
        }
        Need::Nobody(reason) => {
            operation.security = Some(Vec::new());
            extensions.add("x-codeflow-public", reason)
        }
    };
    operation.extensions.get_or_insert_default().merge(extensions.build());
    for (status, text) in failures(operation, guard, path) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| problem(status, text));
    }
}

/// The failures that any operation of this kind can have.
fn failures(operation: &Operation, guard: Guard, path: &str) -> Vec<(&'static str, &'static str)> {
    let mut all = Vec::new();
    let takes_body = matches!(guard.body, BodyRule::Json(_));
    all.push(("400", "A parameter or the body cannot be read; `errors` says where"));
    if matches!(guard.need, Need::Permission(_)) {
        all.push(("401", "Nobody is recognised"));
        all.push(("403", "Whoever calls may not do this"));
    }
    if path.contains('{') {
        all.push(("404", "It does not exist, or belongs to somebody else"));
    }
    if takes_body {
        all.push(("408", "The body did not arrive in time"));
        all.push(("413", "The body is too large"));
        all.push(("415", "The body is not announced as JSON"));
        all.push(("422", "Fields of the body are wrong; `errors` says which"));
    }
    all.push(("429", "A limit of requests is used up"));
    all.push(("500", "A fault of the server"));
    all.push(("503", "Something that is needed is away, or the work took too long"));
    let known = &operation.responses.responses;
    all.retain(|(status, _)| !known.contains_key(*status));
    all
}

fn problem(status: &str, text: &str) -> RefOr<utoipa::openapi::Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build();
    let response = ResponseBuilder::new().description(text).content("application/problem+json", content);
    let header = |text: &str, kind: Type| {
        let schema = ObjectBuilder::new().schema_type(SchemaType::new(kind)).build();
        HeaderBuilder::new().schema(Some(schema)).description(Some(text)).build()
    };
    let response = match status {
        "401" => response.header("WWW-Authenticate", header("How to say who calls", Type::String)),
        "429" => response.header("Retry-After", header("Seconds to wait", Type::Integer)),
        _ => response,
    };
    response.build().into()
}
