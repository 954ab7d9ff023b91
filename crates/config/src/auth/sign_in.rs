//! With which other services people sign in.

use std::collections::BTreeMap;

use codeflow_core::Tenant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::SecretReference;
use crate::checks::Checks;
use crate::secrets::RawSecret;
use crate::values::Names;

/// With which other services people sign in.
#[derive(Clone, Debug, Default)]
pub struct SignInSettings {
    /// Where the services send people back to; without it nobody signs in with them.
    pub callback: Option<Url>,
    /// The services by name.
    pub providers: BTreeMap<String, SignInProvider>,
}

/// A service with which people sign in.
#[derive(Clone, Debug)]
pub struct SignInProvider {
    /// How it is spoken to.
    pub protocol: SignInProtocol,
    /// What it calls this installation.
    pub client_id: String,
    /// What proves that.
    pub client_secret: Option<SecretReference>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Only confirmed addresses of these domains come in; empty: all.
    pub email_domains: Vec<String>,
    /// What becomes of people who are new; `None`: they do not come in.
    pub new_users: Option<NewUserSettings>,
}

/// How a service is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignInProtocol {
    /// OpenID Connect.
    OpenId {
        /// The issuer, exactly as it writes itself.
        issuer: String,
    },
    /// GitHub.
    GitHub,
    /// OAuth 2 with these paths.
    OAuth2(Box<SignInPaths>),
}

/// The paths of a service that speaks OAuth 2 alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInPaths {
    /// What its users are remembered under.
    pub issuer: String,
    /// Where people say yes.
    pub authorize: Url,
    /// Where a code becomes a token.
    pub token: Url,
    /// What tells who somebody is.
    pub user: Url,
    /// What tells their addresses.
    pub emails: Option<Url>,
}

/// What becomes of people who are new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUserSettings {
    /// Their tenant.
    pub tenant: Tenant,
    /// Their roles.
    pub roles: Vec<String>,
}

/// See [`SignInSettings`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSignIn {
    /// Where the services send people back to: the address of the installation and `/api/v1/auth/callback`. The name of
    /// the service follows.
    #[schemars(extend("x-example" = "https://flow.example.com/api/v1/auth/callback"))]
    callback: Option<String>,
    /// A service with which people sign in, under the name that its paths have.
    #[schemars(extend("x-name" = "google"))]
    providers: BTreeMap<String, RawProvider>,
}

#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    OpenId,
    GitHub,
    OAuth2,
}

/// See [`SignInProvider`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    /// How it is spoken to: `openid`, `github`, or `oauth2` with the paths below.
    #[schemars(extend("x-example" = "openid"))]
    kind: Kind,
    /// The issuer, exactly as it writes itself; of `oauth2`, what its users are remembered under.
    #[serde(default)]
    #[schemars(extend("x-example" = "https://accounts.google.com"))]
    issuer: Option<String>,
    /// What it calls this installation.
    #[schemars(extend("x-example" = "1234.apps.example.com"))]
    client_id: String,
    /// What proves that.
    #[serde(default)]
    #[schemars(extend("x-example" = { "env": "GOOGLE_CLIENT_SECRET" }))]
    client_secret: Option<RawSecret>,
    /// What is asked for. Left out: `openid email profile`, or `read:user user:email` of GitHub.
    #[serde(default)]
    #[schemars(extend("x-example" = ["openid", "email", "profile"]))]
    scopes: Option<Names>,
    /// Only confirmed addresses of these domains come in. Left out: all.
    #[serde(default)]
    #[schemars(extend("x-example" = ["example.com"]))]
    email_domains: Option<Names>,
    /// The tenant and roles of people who are new. Left out: they do not come in.
    #[serde(default)]
    #[schemars(extend("x-example" = { "tenant": "default", "roles": ["viewer"] }))]
    new_users: Option<RawNewUsers>,
    /// Of `oauth2`: where people say yes.
    #[serde(default)]
    #[schemars(extend("x-example" = "https://forge.example.com/oauth/authorize"))]
    authorize: Option<String>,
    /// Of `oauth2`: where a code becomes a token.
    #[serde(default)]
    #[schemars(extend("x-example" = "https://forge.example.com/oauth/token"))]
    token: Option<String>,
    /// Of `oauth2`: an object with `id`, and `name` or `login`.
    #[serde(default)]
    #[schemars(extend("x-example" = "https://forge.example.com/api/user"))]
    user: Option<String>,
    /// Of `oauth2`: objects with `email`, `primary` and `verified`. It may be left out.
    #[serde(default)]
    #[schemars(extend("x-example" = "https://forge.example.com/api/user/emails"))]
    emails: Option<String>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct RawNewUsers {
    tenant: String,
    roles: Vec<String>,
}

impl RawSignIn {
    pub(super) fn settle(self, checks: &mut Checks) -> SignInSettings {
        let wanted = "an address such as https://flow.example.com/api/v1/auth/callback";
        let callback = self.callback.and_then(|text| checks.parsed("auth.sign_in.callback", &text, wanted));
        if callback.is_none() && !self.providers.is_empty() {
            checks.refuse("auth.sign_in.callback", "has to say where the services send people back to");
        }
        let providers = self.providers.into_iter();
        let providers = providers.filter_map(|(name, raw)| {
            let provider = raw.settle(&name, checks)?;
            Some((name, provider))
        });
        SignInSettings { callback, providers: providers.collect() }
    }
}

impl RawProvider {
    fn settle(self, name: &str, checks: &mut Checks) -> Option<SignInProvider> {
        let at = format!("auth.sign_in.providers.{name}");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            checks.refuse(&at, "needs a name of 1 to 32 lower-case letters, digits and `-`");
        }
        let usual: &[&str] = match self.kind {
            Kind::OpenId => &["openid", "email", "profile"],
            Kind::GitHub => &["read:user", "user:email"],
            Kind::OAuth2 => &[],
        };
        let usual = || usual.iter().map(|&scope| scope.to_owned()).collect();
        let new_users = self.new_users.and_then(|raw| {
            let wanted = "a name of 1 to 64 letters, digits, `-`, `_` and `.`";
            let tenant = checks.parsed(format!("{at}.new_users.tenant"), &raw.tenant, wanted)?;
            Some(NewUserSettings { tenant, roles: raw.roles })
        });
        let paths = [self.authorize, self.token, self.user, self.emails];
        Some(SignInProvider {
            protocol: protocol(self.kind, (self.issuer, paths), &at, checks)?,
            client_id: checks.text(format!("{at}.client_id"), self.client_id),
            client_secret: checks.optional_secret(&format!("{at}.client_secret"), self.client_secret),
            scopes: self.scopes.map_or_else(usual, |names| names.0),
            email_domains: self.email_domains.map(|names| names.0).unwrap_or_default(),
            new_users,
        })
    }
}

fn protocol(
    kind: Kind,
    (issuer, paths): (Option<String>, [Option<String>; 4]),
    at: &str,
    checks: &mut Checks,
) -> Option<SignInProtocol> {
    let wanted = "an address such as https://forge.example.com/oauth/token";
    let [authorize, token, user, emails] = paths;
    let mut needed = |key: &str, text: Option<String>| match text {
        Some(text) => checks.parsed(format!("{at}.{key}"), &text, wanted),
        None => {
            checks.refuse(format!("{at}.{key}"), "is missing");
            None
        }
    };
    match kind {
        Kind::GitHub => Some(SignInProtocol::GitHub),
        Kind::OpenId => {
            // It stays as it was written: an issuer is compared as text.
            let _: Url = needed("issuer", issuer.clone())?;
            Some(SignInProtocol::OpenId { issuer: issuer? })
        }
        Kind::OAuth2 => {
            let found = (needed("authorize", authorize), needed("token", token), needed("user", user));
            let emails = emails.map(|emails| needed("emails", Some(emails)));
            let issuer = issuer.unwrap_or_default();
            if issuer.is_empty() {
                checks.refuse(format!("{at}.issuer"), "is missing");
            }
            let (Some(authorize), Some(token), Some(user)) = found else { return None };
            let paths = SignInPaths { issuer, authorize, token, user, emails: emails.flatten() };
            Some(SignInProtocol::OAuth2(Box::new(paths)))
        }
    }
}
