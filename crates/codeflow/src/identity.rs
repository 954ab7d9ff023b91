//! Identity, put together from the settings and the database: for the server, and for operators at the command line.

mod connections;

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_auth::{
    Connections, Identity, IdentityParts, IdentitySettings, NewUsers, OAuth2, PasswordSettings, Protocol,
    ProviderSettings, SecretStore as _, SignInProviders, SignInSettings, SignInSources, SignedTokens,
    Signing, TokenSettings, TokenSources, Vault,
};
use codeflow_config::{
    AuthSettings, Environment, LocalSecrets, SecretReference, Settings, SignInProtocol, SigningAlgorithm,
};
use codeflow_net::{AllowedHost, Client, Guard, Limits, NetPolicy};
use codeflow_persistence::Database;
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::place::Place;
use crate::{Error, ErrorKind, Options, Project, local};

/// What the secret of the installation is called in the database, when settings name none.
const SECRET: &str = "installation";

/// Identity, and what issues its tokens.
pub(crate) struct Identities {
    pub(crate) identity: Arc<Identity>,
    pub(crate) tokens: Arc<SignedTokens>,
    /// The other services with which people sign in, if settings name any.
    pub(crate) sign_ins: Option<Arc<SignInProviders>>,
    vault: Arc<Vault>,
    database: Database,
}

impl Identities {
    /// Reads what holds from the start.
    pub(crate) async fn open(
        settings: &Settings,
        environment: &Environment,
        database: &Database,
    ) -> Result<Self, Error> {
        let secrets = LocalSecrets::new(environment.clone());
        let auth = &settings.auth;
        let vault = Arc::new(vault(auth, &secrets, database).await?);
        let store = Arc::new(database.clone());
        let sources = TokenSources {
            store: Arc::clone(&store) as _,
            vault: Arc::clone(&vault),
            clock: Arc::new(SystemClock),
        };
        let tokens = Arc::new(SignedTokens::new(token_settings(auth, &secrets)?, sources)?);
        let parts = IdentityParts {
            store,
            tokens: Arc::clone(&tokens) as _,
            vault: Arc::clone(&vault),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
        };
        let identity = Arc::new(Identity::open(parts, identity_settings(auth)).await?);
        let sources = sources_of_sign_ins(settings, database, Arc::clone(&vault))?;
        let sign_ins = sources.map(|sources| sign_ins(auth, &secrets, sources)).transpose()?;
        Ok(Self { identity, tokens, sign_ins, vault, database: database.clone() })
    }

    /// Connections to other services; tokens are refreshed in `tasks`.
    pub(crate) fn connections(
        &self,
        settings: &Settings,
        environment: &Environment,
        tasks: &Tasks,
    ) -> Result<Connections, Error> {
        let secrets = LocalSecrets::new(environment.clone());
        let ground = connections::Ground { database: &self.database, vault: &self.vault, tasks };
        connections::connections(&settings.auth.connections, &secrets, &ground)
    }

    /// Runs in `tasks` what has to run beside them.
    pub(crate) fn run(&self, tasks: &Tasks) {
        let (identity, stop) = (Arc::clone(&self.identity), tasks.stop_token());
        tasks.spawn("identity", async move { identity.run(stop).await });
        let (tokens, stop) = (Arc::clone(&self.tokens), tasks.stop_token());
        tasks.spawn("signing keys", async move { tokens.watch(stop).await });
    }
}

/// What operators do with users, keys and roles on the machine of the database.
pub struct Admin {
    identity: Arc<Identity>,
    tokens: Arc<SignedTokens>,
}

impl Admin {
    /// Opens the database and brings its tables up to date.
    ///
    /// # Errors
    /// Those of [`Local::open`](crate::Local::open), and what identity says.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { folder, settings, environment, .. } = options;
        let project = Project::around(&folder)?;
        let place = Place::of(&settings.database, &project)?;
        let database = local::open(&place, &settings).await?;
        let Identities { identity, tokens, .. } =
            Identities::open(&settings, &environment, &database).await?;
        Ok(Self { identity, tokens })
    }

    /// Users, keys and roles.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What signs access tokens.
    pub fn tokens(&self) -> &SignedTokens {
        &self.tokens
    }

    /// Writes what is left to write, such as the audit log.
    ///
    /// # Errors
    /// [`Unavailable`](codeflow_auth::ErrorKind::Unavailable) inside.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.identity.flush().await?)
    }
}

async fn vault(auth: &AuthSettings, secrets: &LocalSecrets, database: &Database) -> Result<Vault, Error> {
    match &auth.secret {
        Some(reference) => {
            Ok(Vault::new(long(secrets, reference, "auth.secret")?.expose_secret().as_bytes())?)
        }
        None => {
            let new = Vault::random::<32>()?;
            Ok(Vault::new(&database.secret(SECRET, &new).await?)?)
        }
    }
}

/// What sign-ins with other services are made from, if settings name any. Their hosts may be inside the network, since an
/// operator names them.
fn sources_of_sign_ins(
    settings: &Settings,
    database: &Database,
    vault: Arc<Vault>,
) -> Result<Option<SignInSources>, Error> {
    if settings.auth.sign_in.providers.is_empty() {
        return Ok(None);
    }
    let unusable = |error: codeflow_net::Error| {
        Error::new(ErrorKind::Gateway, "the way out cannot be set up").with_source(error)
    };
    let policy = NetPolicy { allowed_hosts: named_hosts(settings)?, ..NetPolicy::default() };
    let client = Client::new(Guard::new(policy), Limits::default()).map_err(unusable)?;
    Ok(Some(SignInSources { store: Arc::new(database.clone()), vault, clock: Arc::new(SystemClock), client }))
}

fn named_hosts(settings: &Settings) -> Result<Vec<AllowedHost>, Error> {
    let mut hosts = Vec::new();
    for provider in settings.auth.sign_in.providers.values() {
        let urls: Vec<Url> = match &provider.protocol {
            SignInProtocol::OpenId { issuer } => Url::parse(issuer).into_iter().collect(),
            SignInProtocol::GitHub => Vec::new(),
            SignInProtocol::OAuth2(paths) => {
                [Some(&paths.authorize), Some(&paths.token), Some(&paths.user), paths.emails.as_ref()]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect()
            }
        };
        for url in urls {
            hosts.extend(allowed(&url, "auth.sign_in")?);
        }
    }
    Ok(hosts)
}

/// The host of an address that settings name in this section.
fn allowed(url: &Url, section: &str) -> Result<Option<AllowedHost>, Error> {
    let Some(host) = url.host_str() else { return Ok(None) };
    let text = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let host = text.parse().map_err(|error: codeflow_net::Error| {
        Error::new(ErrorKind::Gateway, format!("a host of `{section}` cannot be used")).with_source(error)
    });
    host.map(Some)
}

fn sign_ins(
    auth: &AuthSettings,
    secrets: &LocalSecrets,
    sources: SignInSources,
) -> Result<Arc<SignInProviders>, Error> {
    let missing = || codeflow_auth::Error::field("auth.sign_in.callback", "is missing");
    let callback = auth.sign_in.callback.clone().ok_or_else(missing)?;
    let mut providers = BTreeMap::new();
    for (name, provider) in &auth.sign_in.providers {
        let client_secret =
            provider.client_secret.as_ref().map(|reference| secrets.read(reference)).transpose()?;
        let new_users = provider.new_users.as_ref();
        let settings = ProviderSettings {
            protocol: protocol(&provider.protocol),
            client_id: provider.client_id.clone(),
            client_secret,
            scopes: provider.scopes.clone(),
            new_users: new_users.map(|new| NewUsers { tenant: new.tenant.clone(), roles: new.roles.clone() }),
            email_domains: provider.email_domains.clone(),
        };
        providers.insert(name.clone(), settings);
    }
    Ok(Arc::new(SignInProviders::new(SignInSettings { callback, providers }, sources)?))
}

fn protocol(said: &SignInProtocol) -> Protocol {
    match said {
        SignInProtocol::OpenId { issuer } => Protocol::OpenId { issuer: issuer.clone() },
        SignInProtocol::GitHub => Protocol::OAuth2(Box::new(OAuth2::github())),
        SignInProtocol::OAuth2(paths) => Protocol::OAuth2(Box::new(OAuth2 {
            issuer: paths.issuer.clone(),
            authorize: paths.authorize.clone(),
            token: paths.token.clone(),
            user: paths.user.clone(),
            emails: paths.emails.clone(),
        })),
    }
}

/// A secret that nobody can guess.
fn long(secrets: &LocalSecrets, reference: &SecretReference, key: &str) -> Result<SecretString, Error> {
    let secret = secrets.read(reference)?;
    if secret.expose_secret().len() < 32 {
        let text = format!(
            "the secret of `{key}` has fewer than 32 characters; `openssl rand -hex 32` makes a good one"
        );
        return Err(codeflow_auth::Error::new(codeflow_auth::ErrorKind::InvalidInput, text).into());
    }
    Ok(secret)
}

fn token_settings(auth: &AuthSettings, secrets: &LocalSecrets) -> Result<TokenSettings, Error> {
    let tokens = &auth.tokens;
    let signing = match (tokens.signing, &tokens.secret) {
        (SigningAlgorithm::HS256, Some(reference)) => {
            Signing::Hs256(long(secrets, reference, "auth.tokens.secret")?)
        }
        (SigningAlgorithm::ES256, _) => Signing::Es256,
        (SigningAlgorithm::EdDSA | SigningAlgorithm::HS256, _) => Signing::EdDsa,
    };
    Ok(TokenSettings {
        issuer: tokens.issuer.clone(),
        audience: tokens.audience.clone(),
        signing,
        lifetime: tokens.lifetime,
        leeway: tokens.leeway,
        rotate_every: tokens.rotate_every,
        publish_ahead: tokens.publish_ahead,
    })
}

fn identity_settings(auth: &AuthSettings) -> IdentitySettings {
    IdentitySettings {
        passwords: PasswordSettings {
            memory_kib: auth.password_memory_kib,
            passes: auth.password_passes,
            ..PasswordSettings::default()
        },
        login_idle: auth.login_idle,
        login_longest: auth.login_longest,
        token_lifetime: auth.tokens.lifetime + auth.tokens.leeway * 2,
        environment: auth.key_environment.clone(),
        service: auth.service.clone(),
        ..IdentitySettings::default()
    }
}
