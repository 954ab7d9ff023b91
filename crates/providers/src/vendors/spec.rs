//! One provider as settings describe it.

use codeflow_model::{ApiClientError, Details, ErrorKind};
use serde::Deserialize;
use url::Url;

use super::{CompatibilityOverrides, Vendor};

/// One provider as settings describe it: whose ways it follows, where it is, and where it differs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderSpec {
    /// Its name in errors, thoughts and the names of models.
    pub name: String,
    /// The vendor whose ways it follows; `compatible` for a server that speaks chat completions and is nobody's.
    pub vendor: String,
    /// Where it is, if not where its vendor is.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The region, for vendors that have some.
    #[serde(default)]
    pub region: Option<String>,
    /// Where it differs from its vendor.
    #[serde(default)]
    pub overrides: CompatibilityOverrides,
}

impl ProviderSpec {
    /// The vendor itself, without differences.
    pub fn of(vendor: &Vendor) -> Self {
        Self {
            name: vendor.name.clone(),
            vendor: vendor.name.clone(),
            base_url: None,
            region: None,
            overrides: CompatibilityOverrides::default(),
        }
    }

    /// The vendor whose ways it follows.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` when there is none of that name.
    pub fn vendor(&self) -> Result<&'static Vendor, ApiClientError> {
        Vendor::find(&self.vendor)
            .ok_or_else(|| self.wrong(&format!("follows `{}`, which is no vendor we know", self.vendor)))
    }

    /// Where it is reached. An address without a scheme, as `OLLAMA_HOST` may hold one, is taken for a plain one.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` when the address is none, or needs a region that is not there.
    pub fn address(&self) -> Result<Url, ApiClientError> {
        let vendor = self.vendor()?;
        let stated = self.base_url.as_ref().or(vendor.base_url.as_ref());
        let mut text = stated.cloned().ok_or_else(|| self.wrong("has no base URL"))?;
        if text.contains("{region}") {
            text = text.replace("{region}", self.region()?);
        }
        let is_bare = !text.contains("://");
        if is_bare {
            text.insert_str(0, "http://");
        }
        let mut url: Url =
            text.parse().map_err(|error| self.wrong("has a base URL that is none").because(error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(self.wrong("has a base URL that is neither `http` nor `https`"));
        }
        if let (true, None, Some(port)) = (is_bare, url.port(), vendor.port) {
            // Only an address without a host has no port.
            url.set_port(Some(port)).map_err(|()| self.wrong("has a base URL without a host"))?;
        }
        // What a server listens on everywhere is asked for here.
        if url.host_str() == Some("0.0.0.0") {
            url.set_host(Some("127.0.0.1"))
                .map_err(|error| self.wrong("has a base URL that is none").because(error))?;
        }
        Ok(url)
    }

    /// The region. It becomes part of an address, so it holds nothing but small letters, digits and hyphens.
    pub(super) fn region(&self) -> Result<&str, ApiClientError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match self.region.as_deref() {
            Some(region) if !region.is_empty() && region.bytes().all(is_plain) => Ok(region),
            Some(_) => Err(self.wrong("has a region that is none")),
            None => Err(self.wrong("has no region")),
        }
    }

    pub(super) fn wrong(&self, what: &str) -> ApiClientError {
        let details = Details { provider: self.name.clone(), ..Details::default() };
        ApiClientError::new(ErrorKind::InvalidRequest, format!("provider `{}` {what}", self.name))
            .about(details)
    }
}
