//! Providers of models: where they are, what they want to see of us, and how long they may take. Which vendors there
//! are is known elsewhere; here they are names.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::checks::{self, Checks};
use crate::secrets::RawSecret;
use crate::values::{Amount, Names};
use crate::{Environment, Error, ErrorKind, SecretReference};

/// One provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// What callers put before a model: `name/model`.
    pub name: String,
    /// The vendor whose ways it follows. The name is checked where vendors are known.
    pub vendor: String,
    /// Where it is, when settings or a variable say so. Because somebody named the host, it may be this machine or inside
    /// the network. From a variable it may lack a scheme, as in `localhost:11434`.
    pub base_url: Option<String>,
    /// What it wants to see of us.
    pub credentials: ProviderCredentials,
    /// The region that it is asked in, where it has several.
    pub region: Option<String>,
    /// Headers beside those that its wire format has; their values may be secrets.
    pub headers: Vec<(String, SecretReference)>,
    /// Where it differs from its vendor. Checked where vendors are known.
    pub overrides: Map<String, Value>,
    /// How long it may take.
    pub timeouts: ProviderTimeouts,
    /// Calls to it at the same time.
    pub max_connections: usize,
    /// The models that it serves, when the list of models does not know; `None`: what the list says.
    pub models: Option<Vec<String>>,
}

/// What a provider wants to see of us.
#[derive(Clone, Debug)]
pub enum ProviderCredentials {
    /// Nothing, as a server on the own machine.
    None,
    /// A key or token.
    Key(SecretReference),
    /// What requests to AWS are signed with.
    Aws {
        /// Names the secret.
        access_key_id: SecretReference,
        /// Signs.
        secret_access_key: SecretReference,
        /// Of credentials that end by themselves.
        session_token: Option<SecretReference>,
    },
}

/// How long a provider may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderTimeouts {
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the first piece of an answer.
    pub first_token: Duration,
    /// Between two pieces of an answer.
    pub between_tokens: Duration,
    /// For everything.
    pub total: Duration,
}

/// The names of the variables that programs of a vendor look for, the most specific first.
#[derive(Clone, Copy, Debug, Default)]
pub struct VendorVariables<'a> {
    /// A key.
    pub key: &'a [String],
    /// An address.
    pub base_url: &'a [String],
    /// A region.
    pub region: &'a [String],
    /// Instead of a key, what requests to AWS are signed with: the id, the secret and the token.
    pub identity: Option<[&'a str; 3]>,
}

impl ProviderSettings {
    /// What a vendor's own variables say. `None` when there is no key, no identity and no address; a region alone says
    /// nothing. A key comes before an identity.
    ///
    /// ```
    /// use codeflow_config::{Environment, ProviderSettings, VendorVariables};
    ///
    /// let variables = VendorVariables { base_url: &["OLLAMA_HOST".to_owned()], ..VendorVariables::default() };
    /// let environment = Environment::from([("OLLAMA_HOST", "127.0.0.1")]);
    /// let ollama = ProviderSettings::from_environment("ollama", variables, &environment)?;
    ///
    /// assert_eq!(ollama.and_then(|ollama| ollama.base_url).as_deref(), Some("127.0.0.1"));
    /// # Ok::<(), codeflow_config::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidValue`](ErrorKind::InvalidValue) when a variable holds an address that is none.
    pub fn from_environment(
        vendor: &str,
        variables: VendorVariables<'_>,
        environment: &Environment,
    ) -> Result<Option<Self>, Error> {
        let credentials = environment.credentials(variables);
        let base_url = environment.base_url(variables.base_url)?;
        let region = environment.first(variables.region);
        let region = region.map(|name| environment.text(name)).transpose()?.flatten().map(str::to_owned);
        Ok(match (credentials, base_url) {
            (ProviderCredentials::None, None) => None,
            (credentials, base_url) => Some(Self { credentials, base_url, region, ..Self::usual(vendor) }),
        })
    }

    /// A provider of which nothing but the vendor is known.
    pub fn usual(vendor: &str) -> Self {
        RawProvider::default().settle(vendor.to_owned(), &mut Checks::default())
    }
}

impl Environment {
    /// The first of these variables that is set.
    fn first<'a>(&self, names: &'a [String]) -> Option<&'a str> {
        names.iter().map(String::as_str).find(|name| self.find(name).is_some())
    }

    fn credentials(&self, variables: VendorVariables<'_>) -> ProviderCredentials {
        let set = |name: &str| self.find(name).map(|_| SecretReference::Env(name.to_owned()));
        let key = self.first(variables.key).and_then(set);
        let identity = variables.identity.map(|names| names.map(set));
        match (key, identity) {
            (Some(key), _) => ProviderCredentials::Key(key),
            (None, Some([Some(access_key_id), Some(secret_access_key), session_token])) => {
                ProviderCredentials::Aws { access_key_id, secret_access_key, session_token }
            }
            (None, _) => ProviderCredentials::None,
        }
    }

    /// The address in the first of these variables that is set.
    fn base_url(&self, names: &[String]) -> Result<Option<String>, Error> {
        let Some(name) = self.first(names) else { return Ok(None) };
        let text = self.text(name)?.unwrap_or_default().trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        checks::base_url(&whole).map(|_| Some(text.to_owned())).map_err(|problem| {
            Error::new(ErrorKind::InvalidValue, format!("environment variable `{name}` {problem}"))
        })
    }
}

/// A provider of [`crate::ProviderSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawProvider {
    /// The vendor, if the entry is not named after it; `compatible` for any server that speaks OpenAI's chat
    /// completions.
    #[schemars(extend("x-example" = "openai"))]
    vendor: Option<String>,
    /// Where it is. A host that is named here may be this machine or inside the network.
    #[schemars(extend("x-example" = "https://api.openai.com/v1"))]
    base_url: Option<String>,
    /// Its key: `{ env = "NAME" }`, `{ file = "/path" }`, or text, which profile `prod` refuses.
    #[schemars(extend("x-example" = { "file": "/run/secrets/openai" }))]
    key: Option<RawSecret>,
    /// Instead of a key, for AWS: the id of the access key.
    #[schemars(extend("x-instead" = { "env": "AWS_ACCESS_KEY_ID" }))]
    aws_access_key_id: Option<RawSecret>,
    /// For AWS: what requests are signed with.
    #[schemars(extend("x-instead" = { "env": "AWS_SECRET_ACCESS_KEY" }))]
    aws_secret_access_key: Option<RawSecret>,
    /// For AWS: the token of credentials that end by themselves.
    #[schemars(extend("x-instead" = { "env": "AWS_SESSION_TOKEN" }))]
    aws_session_token: Option<RawSecret>,
    /// The region that it is asked in, where it has several.
    #[schemars(extend("x-example" = "eu-central-1"))]
    region: Option<String>,
    /// Headers for each request; their values may be secrets, written like `key`.
    #[schemars(extend("x-example" = { "openai-project": "proj_example" }))]
    headers: BTreeMap<String, RawSecret>,
    /// Where it differs from its vendor.
    #[schemars(extend("x-example" = { "asks_for_usage": false }))]
    overrides: Map<String, Value>,
    /// How long until a connection stands.
    connect_timeout: Amount,
    /// How long until the first piece of an answer.
    first_token_timeout: Amount,
    /// How long between two pieces of an answer.
    between_tokens_timeout: Amount,
    /// How long for everything.
    total_timeout: Amount,
    /// Calls to it at the same time.
    max_connections: usize,
    /// The models that it serves, if the list of models does not know. Left out: what the list says.
    #[schemars(extend("x-example" = ["gpt-5.1"]))]
    models: Option<Names>,
}

impl Default for RawProvider {
    fn default() -> Self {
        Self {
            vendor: None,
            base_url: None,
            key: None,
            aws_access_key_id: None,
            aws_secret_access_key: None,
            aws_session_token: None,
            region: None,
            headers: BTreeMap::new(),
            overrides: Map::new(),
            connect_timeout: Amount::text("10s"),
            first_token_timeout: Amount::text("1m"),
            between_tokens_timeout: Amount::text("1m"),
            total_timeout: Amount::text("10m"),
            max_connections: 1024,
            models: None,
        }
    }
}

impl RawProvider {
    pub(crate) fn settle(mut self, name: String, checks: &mut Checks) -> ProviderSettings {
        let at = format!("providers.{name}");
        let credentials = self.credentials(&at, checks);
        let vendor = self.vendor.take().unwrap_or_else(|| name.clone());
        let headers = std::mem::take(&mut self.headers).into_iter();
        ProviderSettings {
            name: checks.name(&at, name),
            vendor: checks.text(format!("{at}.vendor"), vendor),
            base_url: self.base_url.map(|text| checks.base_url(format!("{at}.base_url"), text)),
            credentials,
            region: checks.optional(format!("{at}.region"), self.region),
            headers: headers.map(|(name, value)| header(&at, name, value, checks)).collect(),
            overrides: self.overrides,
            timeouts: ProviderTimeouts {
                connect: checks.duration(format!("{at}.connect_timeout"), &self.connect_timeout),
                first_token: checks.duration(format!("{at}.first_token_timeout"), &self.first_token_timeout),
                between_tokens: checks
                    .duration(format!("{at}.between_tokens_timeout"), &self.between_tokens_timeout),
                total: checks.duration(format!("{at}.total_timeout"), &self.total_timeout),
            },
            max_connections: checks.count(format!("{at}.max_connections"), self.max_connections),
            models: self.models.map(|names| checks.models(format!("{at}.models"), names)),
        }
    }

    fn credentials(&mut self, at: &str, checks: &mut Checks) -> ProviderCredentials {
        let mut secret = |name: &str, raw| checks.optional_secret(&format!("{at}.{name}"), raw);
        let key = secret("key", self.key.take());
        let id = secret("aws_access_key_id", self.aws_access_key_id.take());
        let signing = secret("aws_secret_access_key", self.aws_secret_access_key.take());
        let session_token = secret("aws_session_token", self.aws_session_token.take());
        match (key, id, signing, session_token) {
            (None, None, None, None) => ProviderCredentials::None,
            (Some(key), None, None, None) => ProviderCredentials::Key(key),
            (None, Some(access_key_id), Some(secret_access_key), session_token) => {
                ProviderCredentials::Aws { access_key_id, secret_access_key, session_token }
            }
            (_, _, _, _) => {
                let problem = "needs either `key`, or `aws_access_key_id` with `aws_secret_access_key`";
                checks.refuse(at, problem);
                ProviderCredentials::None
            }
        }
    }
}

fn header(at: &str, name: String, value: RawSecret, checks: &mut Checks) -> (String, SecretReference) {
    let at = format!("{at}.headers.{name}");
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        checks.refuse(&at, "is not the name of a header");
    }
    let name = name.to_ascii_lowercase();
    let is_secret = ["auth", "key", "token", "secret"].iter().any(|word| name.contains(word));
    let value = if is_secret { checks.secret(&at, value) } else { checks.open(&at, value) };
    (name, value)
}
