//! Permissions as they are written.

use codeflow_auth::Permission;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One thing that may be done.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PermissionName(pub(super) Permission);

impl PartialSchema for PermissionName {
    fn schema() -> RefOr<Schema> {
        let names = Permission::ALL.iter().map(|one| one.as_str());
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        schema.description(Some("One thing that may be done")).examples(["executions:read"]).into()
    }
}

impl ToSchema for PermissionName {}

pub(super) fn of(names: &[PermissionName]) -> Vec<Permission> {
    names.iter().map(|name| name.0).collect()
}

pub(super) fn names(permissions: impl IntoIterator<Item = Permission>) -> Vec<PermissionName> {
    permissions.into_iter().map(PermissionName).collect()
}
