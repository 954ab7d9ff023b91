//! Who calls and what they may do: passwords, tokens, keys, sign-ins, roles, second factor, audit. It knows neither HTTP
//! nor SQL: callers hand in what a request brought, and the ports say what storage has to keep.

mod audit;
mod audit_hash;
mod audit_read;
mod authenticate;
mod bootstrap;
mod cache;
mod caller;
mod error;
mod identity;
mod jwt;
mod key_use;
mod keys;
mod lockout;
mod logins;
mod oidc;
mod passwords;
mod permission;
mod ports;
mod principal;
mod refresh;
mod revocations;
mod roles;
mod second_factor;
mod secret_text;
mod settings;
mod sign_outs;
mod token;
mod totp;
mod users;
mod vault;

pub use audit::{AuditLog, AuditVerdict};
pub use authenticate::Authenticate;
pub use caller::{Caller, Origin};
pub use error::{BoxError, Error, ErrorKind};
pub use identity::{Identity, IdentityParts};
pub use jwt::{SignedTokens, Signing, TokenSettings, TokenSources};
pub use keys::{MadeKey, NewKey};
pub use logins::{SignIn, SignedIn};
pub use oidc::{
    BegunSignIn, Decision, FinishedSignIn, NewUsers, Newcomer, OAuth2, Protocol, ProviderSettings,
    SignInAnswer, SignInProviders, SignInSettings, SignInSources, VerifiedIdentity,
};
pub use permission::{Permission, Permissions};
pub use ports::{
    ApiKey, Attempt, AttemptStore, AuditEntry, AuditEvent, AuditFilter, AuditStore, Connection,
    ConnectionStore, KeyFilter, KeyStore, Login, LoginStore, Outcome, Page, Revocation, RevocationStore,
    Role, RoleStore, Rotation, SecondFactor, SecretStore, SigningKey, SigningKeyStore, Store, Target, User,
    UserStore,
};
pub use principal::{Credential, Principal};
pub use revocations::Revocations;
pub use roles::{BuiltInRole, NewRole};
pub use second_factor::Enrolment;
pub use settings::{IdentitySettings, LockoutSettings, PasswordSettings};
pub use token::{Claims, IssuedToken, TokenSubject, Tokens};
pub use users::{NewUser, UserChange};
pub use vault::Vault;
