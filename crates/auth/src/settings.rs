//! What the services of identity are told when they are set up. Reading it from a file is not theirs.

use std::sync::Arc;
use std::time::Duration;

/// What identity is told.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// How passwords are hashed.
    pub passwords: PasswordSettings,
    /// What failed attempts lead to.
    pub lockout: LockoutSettings,
    /// How much there may be of what anybody could make without end.
    pub caps: Caps,
    /// For how long a sign-in lasts without a use of its refresh token.
    pub login_idle: Duration,
    /// For how long a sign-in lasts at most.
    pub login_longest: Duration,
    /// For how long an access token lasts at most, the leeway of its verification included: revocations are kept for as
    /// long. The usual value is that of the longest tokens that there may be.
    pub token_lifetime: Duration,
    /// What the keys name as their environment, such as `live`: lower-case letters and digits.
    pub environment: String,
    /// The tier of limits of those whose key names none.
    pub tier: Arc<str>,
    /// What the apps that show codes of the second factor call this installation.
    pub service: String,
    /// For how long it is remembered who has a credential and what they may do.
    pub remembered_for: Duration,
    /// Of how many credentials it is remembered.
    pub remembered: usize,
    /// How many revocations are held in memory.
    pub revocations: usize,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            passwords: PasswordSettings::default(),
            lockout: LockoutSettings::default(),
            caps: Caps::default(),
            login_idle: 30 * DAY,
            login_longest: 90 * DAY,
            token_lifetime: Duration::from_secs(66 * 60),
            environment: "live".to_owned(),
            tier: "authenticated".into(),
            service: "CodeFlow".to_owned(),
            remembered_for: Duration::from_secs(3),
            remembered: 10_000,
            revocations: 200_000,
        }
    }
}

/// How passwords are hashed with Argon2id, and how many at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSettings {
    /// The memory of one hash, in KiB.
    pub memory_kib: u32,
    /// How often the memory is filled.
    pub passes: u32,
    /// In how many lanes.
    pub lanes: u32,
    /// How many are computed at a time.
    pub at_once: usize,
    /// How many more may wait; whoever comes then is sent away.
    pub waiting: usize,
}

impl Default for PasswordSettings {
    /// 19 MiB, two passes and one lane, as OWASP advises; two at a time.
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2, lanes: 1, at_once: 2, waiting: 64 }
    }
}

/// What failed attempts to sign in lead to: waits that double, for the account and for the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockoutSettings {
    /// How many failures of an account are free.
    pub free: u32,
    /// How many failures from an address are free, whatever the account.
    pub free_per_address: u32,
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// After how long without a failure all are forgotten; not before the longest wait is over.
    pub forgotten_after: Duration,
    /// Of how many accounts, and of how many addresses, failures are kept in memory.
    pub remembered: usize,
    /// Of how many names, whether or not anybody has them, failures are kept in storage.
    pub kept: u32,
}

impl Default for LockoutSettings {
    fn default() -> Self {
        Self {
            free: 5,
            free_per_address: 20,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(15 * 60),
            forgotten_after: Duration::from_secs(3600),
            remembered: 10_000,
            kept: 100_000,
        }
    }
}

/// How much there may be at a time of what anybody could make without end. Several processes that count at once may come
/// to a few more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// API keys of a user that are neither revoked nor over. As many again may be on their way out, replaced by others.
    pub keys_of_user: u32,
    /// API keys of a tenant that belong to no user; likewise.
    pub keys_of_services: u32,
    /// Roles of a tenant's own.
    pub roles_of_tenant: u32,
    /// Users of a tenant.
    pub users_of_tenant: u32,
    /// Sign-ins of a user; the one that began first ends for one more. At most 900.
    pub sign_ins_of_user: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            keys_of_user: 100,
            keys_of_services: 1_000,
            roles_of_tenant: 500,
            users_of_tenant: 100_000,
            sign_ins_of_user: 100,
        }
    }
}
