//! To which other services integrations connect in a tenant's name.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::SecretReference;
use crate::checks::Checks;
use crate::secrets::RawSecret;
use crate::values::Names;

/// To which other services integrations connect.
#[derive(Clone, Debug, Default)]
pub struct ConnectionSettings {
    /// Where the services send people back to; without it nobody connects.
    pub callback: Option<Url>,
    /// The services by name.
    pub services: BTreeMap<String, ConnectionServiceSettings>,
}

/// A service to which integrations connect.
#[derive(Clone, Debug)]
pub struct ConnectionServiceSettings {
    /// Where people say yes.
    pub authorize: Url,
    /// Where a code becomes tokens, and tokens are refreshed.
    pub token: Url,
    /// What it calls this installation.
    pub client_id: String,
    /// What proves that.
    pub client_secret: Option<SecretReference>,
    /// Where the secret goes.
    pub secret_in: SecretPlace,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// Where the secret of a client goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretPlace {
    /// Into the header, as most services want it.
    #[default]
    Header,
    /// Into the form.
    Form,
}

/// See [`ConnectionSettings`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawConnections {
    /// Where the services send people back to: the address of the installation and `/api/v1/connections/callback`. The
    /// name of the service follows.
    #[schemars(extend("x-example" = "https://flow.example.com/api/v1/connections/callback"))]
    callback: Option<String>,
    /// A service to which integrations connect, under the name that paths have.
    #[schemars(extend("x-name" = "forge"))]
    services: BTreeMap<String, RawService>,
}

/// See [`ConnectionServiceSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawService {
    /// Where people say yes. What some services want beside goes into its query, such as `?access_type=offline`.
    #[schemars(extend("x-example" = "https://forge.example.com/oauth/authorize"))]
    authorize: String,
    /// Where a code becomes tokens, and tokens are refreshed.
    #[schemars(extend("x-example" = "https://forge.example.com/oauth/token"))]
    token: String,
    /// What it calls this installation.
    #[schemars(extend("x-example" = "codeflow"))]
    client_id: String,
    /// What proves that.
    #[serde(default)]
    #[schemars(extend("x-example" = { "env": "FORGE_CLIENT_SECRET" }))]
    client_secret: Option<RawSecret>,
    /// Where that goes: into the `header`, as most services want it, or into the `form`, as GitHub does.
    #[serde(default)]
    #[schemars(extend("x-example" = "header"))]
    secret_in: SecretPlace,
    /// What is asked for. Left out: what the service gives to those who ask for nothing.
    #[serde(default)]
    #[schemars(extend("x-example" = ["repo"]))]
    scopes: Option<Names>,
}

impl RawConnections {
    pub(super) fn settle(self, checks: &mut Checks) -> ConnectionSettings {
        let wanted = "an address such as https://flow.example.com/api/v1/connections/callback";
        let callback =
            self.callback.and_then(|text| checks.parsed("auth.connections.callback", &text, wanted));
        if callback.is_none() && !self.services.is_empty() {
            checks.refuse("auth.connections.callback", "has to say where the services send people back to");
        }
        let services = self.services.into_iter();
        let services = services.filter_map(|(name, raw)| {
            let service = raw.settle(&name, checks)?;
            Some((name, service))
        });
        ConnectionSettings { callback, services: services.collect() }
    }
}

impl RawService {
    fn settle(self, name: &str, checks: &mut Checks) -> Option<ConnectionServiceSettings> {
        let at = format!("auth.connections.services.{name}");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) || name == "callback" {
            checks.refuse(
                &at,
                "needs a name of 1 to 32 lower-case letters, digits and `-`, but not `callback`",
            );
        }
        let wanted = "an address such as https://forge.example.com/oauth/token";
        let authorize = checks.parsed(format!("{at}.authorize"), &self.authorize, wanted);
        let token = checks.parsed(format!("{at}.token"), &self.token, wanted);
        let client_id = checks.text(format!("{at}.client_id"), self.client_id);
        let client_secret = checks.optional_secret(&format!("{at}.client_secret"), self.client_secret);
        Some(ConnectionServiceSettings {
            authorize: authorize?,
            token: token?,
            client_id,
            client_secret,
            secret_in: self.secret_in,
            scopes: self.scopes.map(|names| names.0).unwrap_or_default(),
        })
    }
}
