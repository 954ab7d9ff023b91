//! Whose something is.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The name of a tenant: whose data and money something is. Nothing of one is seen by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tenant(Arc<str>);

/// A text is no name of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a tenant has 1 to 64 letters, digits, `-`, `_` and `.`")]
pub struct InvalidTenant;

impl Tenant {
    /// The name of the one that is there from the start.
    pub const DEFAULT: &str = "default";

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name of one of its things among those of all tenants. Those of the first tenant keep the name that they had
    /// before there were others.
    pub fn scoped(&self, name: &str) -> String {
        if self.as_str() == Self::DEFAULT { name.to_owned() } else { format!("{self}/{name}") }
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tenant {
    type Err = InvalidTenant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        if is_name { Ok(Self(text.into())) } else { Err(InvalidTenant) }
    }
}

impl TryFrom<String> for Tenant {
    type Error = InvalidTenant;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0.as_ref().to_owned()
    }
}
