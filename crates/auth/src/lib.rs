//! Who calls and what they may do: passwords, tokens, keys, sign-ins, roles, second factor, audit. It knows neither HTTP
//! nor SQL: callers hand in what a request brought, and the ports say what storage has to keep.

mod authenticate;
mod connections;
mod error;
mod jwt;
mod oidc;
mod permission;
mod ports;
mod principal;
mod token;
mod vault;

pub use authenticate::Authenticate;
pub use connections::{
    ConnectionService, ConnectionSources, ConnectionTokens, Connections, ListedConnection, SecretIn,
};
pub use error::{BoxError, Error, ErrorKind};
pub use jwt::{SignedTokens, Signing, TokenSettings, TokenSources};
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
pub use token::{Claims, IssuedToken, TokenSubject, Tokens};
pub use vault::Vault;
