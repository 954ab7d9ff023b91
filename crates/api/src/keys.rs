//! Who calls: keys named in the settings. Only their digests are kept, so that memory holds no key.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use codeflow_auth::{Credential, Permission, Permissions, Principal};
use codeflow_core::LoginId;
use codeflow_gateway::Caller;
use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

/// What Anthropic's SDKs send their key in.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// One key and whose it is.
#[derive(Clone)]
pub struct Key {
    /// The SHA-256 of the key.
    pub digest: [u8; 32],
    /// Whose it is.
    pub caller: Arc<Caller>,
    /// The names of routes and models that it may ask for; `None` allows all. A `*` at the end stands for any rest.
    pub models: Option<Vec<String>>,
    /// What it may do under `/api`.
    pub permissions: Permissions,
    /// The tier of its limits on requests.
    pub tier: Arc<str>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("caller", &self.caller).finish_non_exhaustive()
    }
}

impl Key {
    /// What a key of the settings may do if nothing else is said: what keys could do before there were permissions.
    pub fn usual_permissions() -> Permissions {
        let all = [
            Permission::ModelsCall,
            Permission::ProvidersRead,
            Permission::UsageRead,
            Permission::MetricsRead,
        ];
        all.into_iter().collect()
    }

    /// Whoever calls with it; nobody when its tenant has a name that no tenant can have.
    fn principal(&self) -> Option<Arc<Principal>> {
        let name = &self.caller.key;
        let Ok(tenant) = self.caller.tenant.parse() else {
            tracing::warn!(key.name = %name, "a key is of a tenant with an impossible name: nothing under /api knows it");
            return None;
        };
        Some(Arc::new(Principal {
            tenant,
            name: Arc::clone(name),
            user: None,
            credential: Credential::Settings(Arc::clone(name)),
            permissions: self.permissions,
            models: self.models.as_ref().map(|models| models.as_slice().into()),
            tier: Arc::clone(&self.tier),
            requests_per_minute: None,
            tokens_per_minute: None,
        }))
    }

    /// What the audit log calls whoever calls with it: the key, or the user who signed in.
    pub(crate) fn actor(&self) -> &str {
        match &self.caller.user {
            Some(user) if self.caller.key.parse::<LoginId>().is_ok() => user,
            Some(_) | None => &self.caller.key,
        }
    }

    /// Whether it may ask for this name.
    pub(crate) fn may_ask(&self, model: &str) -> bool {
        let matches = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => pattern == model,
        };
        self.models.as_ref().is_none_or(|models| models.iter().any(matches))
    }
}

/// All keys.
#[derive(Clone, Debug, Default)]
pub struct KeyRing(HashMap<[u8; 32], Known>);

/// A key, and under which name its requests are counted.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) key: Key,
    pub(crate) counted_as: Arc<str>,
    principal: Option<Arc<Principal>>,
}

/// Why a request is nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It brought no key.
    Missing,
    /// It brought something that is not a key, or two that differ.
    Malformed,
    /// It brought a key that is not ours.
    Wrong,
}

impl KeyRing {
    /// A ring of these keys. Of two keys with one digest the later one counts; settings refuse such pairs.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let known = |key: Key| {
            let counted_as = counted_name(&key.caller.key).into();
            (key.digest, Known { principal: key.principal(), counted_as, key })
        };
        Self(keys.into_iter().map(known).collect())
    }

    /// Finds whose key a request brings, as OpenAI's SDKs send it or as Anthropic's do. Digests are compared, so the
    /// time it takes tells nothing about any key.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Result<&Known, Unknown> {
        let digest: [u8; 32] = Sha256::digest(Self::presented(headers)?).into();
        self.0.get(&digest).ok_or(Unknown::Wrong)
    }

    /// Whoever calls with this key.
    pub(crate) fn principal(&self, presented: &str) -> Option<Arc<Principal>> {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        self.0.get(&digest)?.principal.clone()
    }

    /// The key or token that a request brings, whosever it is.
    pub(crate) fn presented(headers: &HeaderMap) -> Result<&str, Unknown> {
        let bearer = only(headers, &header::AUTHORIZATION).map(|value| {
            let (scheme, key) = value?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        let plain = only(headers, &X_API_KEY);
        let presented = match (bearer, plain) {
            (None, None) => return Err(Unknown::Missing),
            (Some(one), None) | (None, Some(one)) => one,
            (Some(one), Some(two)) => one.filter(|_| one == two),
        };
        presented.ok_or(Unknown::Malformed)
    }
}

/// Under which name requests with a key of the settings are counted: one that nobody else has.
pub(crate) fn counted_name(key: &str) -> String {
    format!("settings:{key}")
}

/// The text of a header; within, nothing when it is no text, or when it comes twice: two readers might heed different
/// ones.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(first.to_str().ok().filter(|_| values.next().is_none()))
}
