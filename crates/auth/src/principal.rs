//! Whoever calls, once that is known.

use std::num::NonZeroU32;
use std::sync::Arc;

use codeflow_core::{KeyId, LoginId, Tenant, UserId};

use crate::{Error, ErrorKind, Permission, Permissions};

/// Whoever calls, and what they may do at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose data they see.
    pub tenant: Tenant,
    /// What logs, limits and the audit log call them: a user's or a key's name.
    pub name: Arc<str>,
    /// The user, or the owner of the key, if there is one.
    pub user: Option<UserId>,
    /// How they proved it.
    pub credential: Credential,
    /// What they may do.
    pub permissions: Permissions,
    /// The names of models and routes that they may ask for; `None` allows all. A `*` at the end stands for any rest.
    pub models: Option<Arc<[String]>>,
    /// The tier of limits that holds for them, such as `authenticated`.
    pub tier: Arc<str>,
    /// Requests to models that they may make in a minute; `None`: as many as others.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens of models that they may use in a minute; `None`: as many as others.
    pub tokens_per_minute: Option<NonZeroU32>,
}

/// How somebody proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An access token of this sign-in.
    Token(LoginId),
    /// An API key of the database.
    Key(KeyId),
    /// A key that the settings name.
    Settings(Arc<str>),
}

impl Principal {
    /// Whether they may do this.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), naming the permission that is missing.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        if self.permissions.has(permission) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Forbidden, format!("this needs the permission `{permission}`")))
    }

    /// Whether they may see what is of this tenant.
    pub fn may_see(&self, tenant: &Tenant) -> bool {
        self.tenant == *tenant || self.permissions.has(Permission::TenantsAll)
    }
}
