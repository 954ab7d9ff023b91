//! What storage keeps for identity. Secrets come here hashed or sealed; nothing that is handed in or out can be used to
//! call. All times are handed in. Lists are paged by key, in the order of ids: `after` is the last one seen.
//!
//! Whatever keeps a text refuses one with a zero character as [`InvalidInput`](crate::ErrorKind::InvalidInput), except the
//! audit log, which replaces it; whoever looks for one finds nothing. A call that failed as
//! [`Unavailable`](crate::ErrorKind::Unavailable) may have been made. What ends, revokes, removes, clears, puts a role or
//! touches keys can be called again; what adds conflicts with itself then, but for failures, which count twice, and
//! `rotate`, `replace_user`, `put_connection` and `add_signing_key` are false, so that a look at what is kept tells whether
//! the first one was made.

mod audit;
mod keys;
mod lockouts;
mod logins;
mod revocations;
mod secrets;
mod users;

pub use audit::{AuditEntry, AuditEvent, AuditFilter, AuditStore, Outcome};
pub use keys::{ApiKey, KeyFilter, KeyStore};
pub use lockouts::{Lockout, LockoutStore};
pub use logins::{Attempt, AttemptStore, Login, LoginStore, Rotation};
pub use revocations::{Revocation, RevocationStore, Target};
pub use secrets::{Connection, ConnectionStore, SecretStore, SigningKey, SigningKeyStore};
pub use users::{Role, RoleStore, SecondFactor, User, UserStore};

/// Everything that storage keeps for identity.
pub trait Store:
    UserStore
    + RoleStore
    + KeyStore
    + LockoutStore
    + LoginStore
    + AttemptStore
    + RevocationStore
    + SigningKeyStore
    + SecretStore
    + ConnectionStore
    + AuditStore
{
}

impl<T> Store for T where
    T: UserStore
        + RoleStore
        + KeyStore
        + LockoutStore
        + LoginStore
        + AttemptStore
        + RevocationStore
        + SigningKeyStore
        + SecretStore
        + ConnectionStore
        + AuditStore
{
}

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<K> {
    /// Only what comes after this one.
    pub after: Option<K>,
    /// At most so many; storage gives no more than 1,000.
    pub limit: u32,
}
