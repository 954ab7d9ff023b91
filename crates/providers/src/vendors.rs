//! Who serves models, as data: a compatible vendor is an entry in a list, not code. Nobody reads the environment here;
//! the list only says what its variables are called.

mod build;
mod overrides;
mod spec;

use std::sync::LazyLock;

use serde::Deserialize;

pub use build::provider;
pub use overrides::{Ability, CompatibilityOverrides};
pub use spec::ProviderSpec;

/// What the crate knows by itself.
static ALL: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../data/vendors.json")).expect("a test reads the same text")
});

/// Somebody who serves models.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Its name, which stands before the slash in the name of a model.
    pub name: String,
    /// What it speaks.
    pub dialect: DialectName,
    /// Where it is reached unless somebody says otherwise; none where every customer has an address of their own. Holds
    /// `{region}` where the address depends on it.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The port of an address that names none, where it is not the scheme's own.
    #[serde(default)]
    pub port: Option<u16>,
    /// Whether it must be given a key.
    #[serde(default = "yes")]
    pub needs_key: bool,
    /// The environment variables in which its own programs look for a key, the most specific first.
    pub key_variables: Vec<String>,
    /// The environment variables in which its own programs look for an address. What they hold ends where
    /// [`base_url`](Self::base_url) does: with some vendors that includes the version, with others it does not.
    pub base_url_variables: Vec<String>,
    /// The environment variables that name a region.
    #[serde(default)]
    pub region_variables: Vec<String>,
    /// The environment variables that hold an identity instead of a key.
    #[serde(default)]
    pub identity_variables: Option<IdentityVariables>,
    /// Where it differs from OpenAI, if it speaks chat completions.
    #[serde(default)]
    pub overrides: CompatibilityOverrides,
}

/// The environment variables that hold an identity of Amazon's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityVariables {
    /// Names the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// What comes with a key that holds only for a while.
    pub session_token: String,
}

/// What a vendor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DialectName {
    /// Chat completions: [`OpenAi`](crate::OpenAi).
    OpenAi,
    /// [`Anthropic`](crate::Anthropic).
    Anthropic,
    /// [`Gemini`](crate::Gemini).
    Gemini,
    /// [`Bedrock`](crate::Bedrock).
    Bedrock,
    /// [`Ollama`](crate::Ollama).
    Ollama,
    /// [`Cohere`](crate::Cohere).
    Cohere,
}

impl Vendor {
    /// Every vendor that is known without settings.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The vendor of that name.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|vendor| vendor.name == name)
    }
}

fn yes() -> bool {
    true
}
