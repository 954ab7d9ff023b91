//! What a browser keeps while somebody says yes elsewhere: a cookie that only it sends, and only back here.

use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};

/// How long it is kept, in seconds.
const KEPT: u32 = 600;

/// A cookie for the way back. Other sites cannot read it, and send it only when a person follows that way.
pub(super) struct Cookie {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
}

impl Cookie {
    /// What sets it.
    pub(super) fn set(&self, value: &SecretString) -> String {
        self.line(value.expose_secret(), KEPT)
    }

    /// What makes the browser forget it.
    pub(super) fn forget(&self) -> String {
        self.line("", 0)
    }

    fn line(&self, value: &str, age: u32) -> String {
        let Self { name, path } = self;
        format!("{name}={value}; Max-Age={age}; HttpOnly; Secure; SameSite=Lax; Path={path}")
    }

    /// Its value, if the browser sends it.
    pub(super) fn kept(&self, headers: &HeaderMap) -> String {
        let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}
