//! Who calls and what they may do: passwords, tokens, keys, sign-ins, roles, second factor, audit. It knows neither HTTP
//! nor SQL: callers hand in what a request brought, and the ports say what storage has to keep.
//!
//! ```
//! use codeflow_auth::{Authenticate, Caller, Identity, IdentityParts, IdentitySettings, NewKey, Permission};
//! use codeflow_core::Tenant;
//! use secrecy::ExposeSecret;
//! # use std::sync::Arc;
//! # use codeflow_auth::{SignedTokens, TokenSettings, TokenSources, Vault};
//! # use codeflow_testkit::{ManualClock, MemoryIdentity, SequentialIds};
//!
//! # async fn show(parts: IdentityParts) -> Result<(), codeflow_auth::Error> {
//! let identity = Identity::open(parts, IdentitySettings::default()).await?;
//! let wish = NewKey { name: "ci".into(), scopes: vec![Permission::ModelsCall], ..NewKey::default() };
//! let made = identity.create_key(&Caller::operator(Tenant::default()), wish).await?;
//!
//! let principal = identity.authenticate(made.secret.expose_secret()).await?;
//! assert!(principal.require(Permission::ModelsCall).is_ok());
//! assert!(principal.require(Permission::UsersWrite).is_err());
//! # Ok(())
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), codeflow_auth::Error> {
//! # let (store, clock) = (Arc::new(MemoryIdentity::new()), Arc::new(ManualClock::default()));
//! # let vault = Arc::new(Vault::new(&[7; 32])?);
//! # let sources = TokenSources { store: store.clone(), vault: vault.clone(), clock: clock.clone() };
//! # let tokens = Arc::new(SignedTokens::new(TokenSettings::default(), sources)?);
//! # show(IdentityParts { store, tokens, vault, clock, ids: Arc::new(SequentialIds::new()) }).await
//! # }
//! ```

mod audit;
mod audit_hash;
mod audit_read;
mod authenticate;
mod bootstrap;
mod cache;
mod caller;
mod code_tickets;
mod connections;
mod error;
mod identity;
mod jwt;
mod key_use;
mod keys;
mod lockout;
mod logins;
mod oidc;
mod outside;
mod password_changes;
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
mod shown;
mod sign_outs;
mod token;
mod totp;
mod turns;
mod users;
mod vault;

pub use audit::{AuditLog, AuditVerdict};
pub use authenticate::Authenticate;
pub use caller::{Caller, Origin};
pub use code_tickets::CodeTicket;
pub use connections::{
    ConnectionService, ConnectionSources, ConnectionTokens, Connections, ListedConnection, SecretIn,
};
pub use error::{BoxError, Error, ErrorKind};
pub use identity::{Identity, IdentityParts};
pub use jwt::{SignedTokens, Signing, TokenSettings, TokenSources};
pub use keys::{MadeKey, NewKey};
pub use logins::{SignIn, SignedIn};
pub use oidc::{
    BegunSignIn, Decision, FinishedSignIn, NewUsers, Newcomer, OAuth2, Protocol, ProviderSettings,
    SignInAnswer, SignInProviders, SignInSettings, SignInSources, VerifiedIdentity,
};
pub use outside::OutsideSignIn;
pub use password_changes::OwnKeys;
pub use permission::{Permission, Permissions};
pub use ports::{
    ApiKey, Attempt, AttemptStore, AuditEntry, AuditEvent, AuditFilter, AuditStore, Connection,
    ConnectionStore, KeyFilter, KeyStore, Lockout, LockoutStore, Login, LoginStore, Outcome, Page,
    Revocation, RevocationStore, Role, RoleStore, Rotation, SecondFactor, SecretStore, SigningKey,
    SigningKeyStore, Store, Target, User, UserStore,
};
pub use principal::{Credential, Principal};
pub use revocations::Revocations;
pub use roles::{BuiltInRole, NewRole};
pub use second_factor::Enrolment;
pub use settings::{Caps, IdentitySettings, LockoutSettings, PasswordSettings};
pub use shown::ShownUser;
pub use token::{Claims, IssuedToken, TokenSubject, Tokens};
pub use users::{NewUser, UserChange};
pub use vault::Vault;
