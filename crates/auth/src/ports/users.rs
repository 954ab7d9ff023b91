//! Users and roles.

use async_trait::async_trait;
use codeflow_core::{Tenant, Timestamp, UserId};

use super::Page;
use crate::{Error, Permission};

/// A person or service that may sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Whose data it sees.
    pub tenant: Tenant,
    /// What it signs in with; unique in the whole installation, in lower case.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// Where it is written to.
    pub email: Option<String>,
    /// The hash of the password, in PHC format; `None`: it signs in with another service.
    pub password: Option<String>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// Whether it may not sign in, nor its keys and tokens be used.
    pub disabled: bool,
    /// The second factor.
    pub second_factor: Option<SecondFactor>,
    /// Who vouches for it at another service: the issuer and its subject there.
    pub identity: Option<(String, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counts changes from one: who changes a user says which one they have seen.
    pub version: i64,
}

/// A second factor: codes by time, and codes for the day on which the device is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, sealed.
    pub secret: Vec<u8>,
    /// Whether a code was seen that proves that the device has it.
    pub confirmed: bool,
    /// The last time step of which a code was used: none is used twice.
    pub last_step: i64,
    /// Keyed hashes of recovery codes that are left.
    pub recovery: Vec<Vec<u8>>,
}

/// Keeps users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Adds a user.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when there is one with this name or this identity;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_user(&self, user: &User) -> Result<(), Error>;

    /// Finds a user.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_user(&self, id: UserId) -> Result<Option<User>, Error>;

    /// Finds a user by its name.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, Error>;

    /// Finds a user by its identity at another service.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>, Error>;

    /// The users of a tenant, or of all.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_users(&self, tenant: Option<&Tenant>, page: Page<UserId>) -> Result<Vec<User>, Error>;

    /// Replaces a user that still has the version `user.version`, which rises by one. False when it changed meanwhile or
    /// is gone. The id, the tenant and the time of its making stay.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when another has this name or this identity;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn replace_user(&self, user: &User) -> Result<bool, Error>;

    /// Removes a user with its keys and sign-ins. False when there is none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn remove_user(&self, id: UserId) -> Result<bool, Error>;

    /// How many users there are in a tenant, or in all, up to `most`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn count_users(&self, tenant: Option<&Tenant>, most: u32) -> Result<u32, Error>;
}

/// A set of permissions with a name, beside those that are built in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Whose it is.
    pub tenant: Tenant,
    /// Its name, unique in its tenant.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What is in it.
    pub permissions: Vec<Permission>,
    /// When it was changed last.
    pub changed_at: Timestamp,
}

/// Keeps roles.
#[async_trait]
pub trait RoleStore: Send + Sync {
    /// Adds or replaces a role.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn put_role(&self, role: &Role) -> Result<(), Error>;

    /// Removes a role. False when there is none. Of a user that gets it at the same moment the name may stay, and stands for
    /// nothing.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) while a user of the tenant has it;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn remove_role(&self, tenant: &Tenant, name: &str) -> Result<bool, Error>;

    /// All roles of a tenant, by name; they are at most 1,000.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn roles(&self, tenant: &Tenant) -> Result<Vec<Role>, Error>;
}
