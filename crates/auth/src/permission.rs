//! What may be done, and sets of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

macro_rules! permissions {
    ($($(#[$doc:meta])* $name:ident => $text:literal,)*) => {
        /// One thing that may be done. Every route names the one that it needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Permission {
            $($(#[$doc])* $name,)*
        }

        impl Permission {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// How it is written, such as `executions:read`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

permissions! {
    /// Its own name, password, keys, sign-ins and second factor.
    AccountManage => "account:manage",
    /// Calls to models.
    ModelsCall => "models:call",
    /// The providers and how they do.
    ProvidersRead => "providers:read",
    /// What calls to models cost.
    UsageRead => "usage:read",
    /// Metrics of the process.
    MetricsRead => "metrics:read",
    /// Workflows and their versions.
    WorkflowsRead => "workflows:read",
    /// New versions of workflows.
    WorkflowsWrite => "workflows:write",
    /// Executions, their steps and logs.
    ExecutionsRead => "executions:read",
    /// New executions.
    ExecutionsStart => "executions:start",
    /// Cancels, pauses, resumes and signals.
    ExecutionsControl => "executions:control",
    /// Decisions about steps that wait for one.
    ExecutionsApprove => "executions:approve",
    /// The users of the tenant.
    UsersRead => "users:read",
    /// New users and their roles.
    UsersWrite => "users:write",
    /// Roles and what is in them.
    RolesRead => "roles:read",
    /// New and changed roles.
    RolesWrite => "roles:write",
    /// All keys of the tenant.
    KeysRead => "keys:read",
    /// All keys of the tenant: new, changed, revoked.
    KeysWrite => "keys:write",
    /// All sign-ins of the tenant.
    SessionsRead => "sessions:read",
    /// The end of anybody's sign-in.
    SessionsEnd => "sessions:end",
    /// What was done by whom.
    AuditRead => "audit:read",
    /// What failed in the process, in groups.
    ErrorsRead => "errors:read",
    /// Limits as they are now.
    LimitsRead => "limits:read",
    /// Limits at run time.
    LimitsWrite => "limits:write",
    /// Requests beyond the limits of principals and classes.
    LimitsBypass => "limits:bypass",
    /// Everything of all tenants, with the other permissions.
    TenantsAll => "tenants:all",
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.iter().copied().find(|one| one.as_str() == text);
        known.ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            Error::new(ErrorKind::InvalidInput, format!("`{shown}` is no permission"))
        })
    }
}

impl TryFrom<String> for Permission {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.as_str().to_owned()
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u64);

impl Permissions {
    /// Nothing may be done.
    pub const NONE: Self = Self(0);

    /// Everything may be done.
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether this may be done.
    pub fn has(self, permission: Permission) -> bool {
        self.0 & bit(permission) != 0
    }

    /// What is in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing may be done.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |one| self.has(*one))
    }
}

fn bit(permission: Permission) -> u64 {
    1 << permission as u64
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(iter: I) -> Self {
        Self(iter.into_iter().map(bit).fold(0, |all, one| all | one))
    }
}
