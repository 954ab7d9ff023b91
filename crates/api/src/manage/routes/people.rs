//! Users, keys and sign-ins as they are told: never a secret, nor anything that was made of one.

use codeflow_auth::{ApiKey, Login, ShownUser, User};
use codeflow_core::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::permissions::{self, PermissionName};

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    /// Its id.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    id: String,
    /// Whose data it sees.
    #[schema(example = "default")]
    tenant: String,
    /// What it signs in with.
    #[schema(example = "ana")]
    name: String,
    /// What people call it.
    #[schema(example = "Ana Lima")]
    display_name: String,
    /// Where it is written to.
    #[schema(example = "ana@example.org")]
    email: Option<String>,
    /// The names of its roles.
    #[schema(example = json!(["user"]))]
    roles: Vec<String>,
    /// Whether it may not sign in.
    disabled: bool,
    /// Whether it signs in with a password.
    has_password: bool,
    /// Whether it has a second factor.
    second_factor: bool,
    /// Until when no attempt to sign in is looked at, if that is yet to come.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    locked_until: Option<String>,
    /// When it was made.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// Counts changes from one.
    #[schema(example = 1)]
    version: i64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        ShownUser::from(user).into()
    }
}

impl From<ShownUser> for UserView {
    fn from(shown: ShownUser) -> Self {
        let ShownUser { user, locked_until } = shown;
        Self {
            id: user.id.to_string(),
            tenant: user.tenant.to_string(),
            name: user.name,
            display_name: user.display_name,
            email: user.email,
            roles: user.roles,
            disabled: user.disabled,
            has_password: user.password.is_some(),
            second_factor: user.second_factor.is_some_and(|factor| factor.confirmed),
            locked_until: time(locked_until),
            created_at: user.created_at.to_string(),
            version: user.version,
        }
    }
}

/// A key, without its secret, which nobody can show again.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyView {
    /// Its id.
    #[schema(example = "key_01933b1e0000700080000000000000aa")]
    id: String,
    /// Whose data it sees.
    #[schema(example = "default")]
    tenant: String,
    /// The user that it acts for; `null`: it is a service's.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    owner: Option<String>,
    /// What people call it.
    #[schema(example = "ci")]
    name: String,
    /// What may be done with it, as far as its owner may do it.
    scopes: Vec<PermissionName>,
    /// The names of models and routes that it may ask for; `null` allows all.
    #[schema(example = json!(["fast", "openai/*"]))]
    models: Option<Vec<String>>,
    /// The tier of its limits; `null`: the usual one.
    #[schema(example = "premium")]
    tier: Option<String>,
    /// Requests to models that it may make in a minute.
    #[schema(example = 600)]
    requests_per_minute: Option<u32>,
    /// Tokens of models that it may use in a minute.
    #[schema(example = 100_000)]
    tokens_per_minute: Option<u32>,
    /// When it was made.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// From when on it is refused.
    #[schema(format = "date-time", example = "2027-11-25T10:00:00.000Z")]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    revoked_at: Option<String>,
    /// When it was used last, to within a minute.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    last_used_at: Option<String>,
    /// The key that takes its place.
    #[schema(example = "key_01933b1e0000700080000000000000ab")]
    replaced_by: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            tenant: key.tenant.to_string(),
            owner: key.owner.map(|owner| owner.to_string()),
            name: key.name,
            scopes: permissions::names(key.scopes),
            models: key.models,
            tier: key.tier,
            requests_per_minute: key.requests_per_minute.map(u32::from),
            tokens_per_minute: key.tokens_per_minute.map(u32::from),
            created_at: key.created_at.to_string(),
            expires_at: time(key.expires_at),
            revoked_at: time(key.revoked_at),
            last_used_at: time(key.last_used_at),
            replaced_by: key.replaced_by.map(|id| id.to_string()),
        }
    }
}

/// A sign-in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id.
    #[schema(example = "login_01933b1e0000700080000000000000aa")]
    id: String,
    /// Whose it is.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    user: String,
    /// The tenant of that user.
    #[schema(example = "default")]
    tenant: String,
    /// When it began.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// When its refresh token was exchanged last.
    #[schema(format = "date-time", example = "2026-11-25T10:15:00.000Z")]
    used_at: String,
    /// When it ends at the latest.
    #[schema(format = "date-time", example = "2026-12-25T10:00:00.000Z")]
    expires_at: String,
    /// From where it was made.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// With what program, as it said.
    #[schema(example = "Mozilla/5.0")]
    agent: Option<String>,
}

impl From<Login> for SessionView {
    fn from(login: Login) -> Self {
        Self {
            id: login.id.to_string(),
            user: login.user.to_string(),
            tenant: login.tenant.to_string(),
            created_at: login.created_at.to_string(),
            used_at: login.used_at.to_string(),
            expires_at: login.expires_at.to_string(),
            address: login.address,
            agent: login.agent,
        }
    }
}
