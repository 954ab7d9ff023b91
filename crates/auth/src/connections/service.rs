//! A service to which integrations connect, and how its tokens are refreshed.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::Error;

/// What the path is called to which people come back.
const CALLBACK: &str = "callback";

/// A service to which integrations connect.
#[derive(Clone, Debug)]
pub struct ConnectionService {
    /// Where people say yes; `None`: nobody connects here, and others hand the tokens in.
    pub authorize: Option<Url>,
    /// Where a code becomes tokens, and tokens are refreshed.
    pub token: Url,
    /// What it calls this installation.
    pub client_id: String,
    /// What proves that.
    pub client_secret: Option<SecretString>,
    /// Where the secret goes.
    pub secret_in: SecretIn,
    /// What is asked for.
    pub scopes: Vec<String>,
}

/// Where a client's secret goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// Into the header, as most services want it.
    Header,
    /// Into the form, as GitHub and others do.
    Form,
}

impl ConnectionService {
    pub(super) fn check(&self, name: &str) -> Result<(), Error> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            let text = "the name of a service has 1 to 32 lower-case letters, digits and `-`";
            return Err(Error::field("services", text));
        }
        if name == CALLBACK {
            return Err(Error::field("services", "no service can be called `callback`"));
        }
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        let addresses = [Some(&self.token), self.authorize.as_ref()];
        if !addresses.into_iter().flatten().all(is_web) || self.client_id.is_empty() {
            let text = "a service needs the address of its tokens and the client's id";
            return Err(Error::field(format!("services.{name}"), text));
        }
        Ok(())
    }

    /// What proves who asks.
    pub(super) fn proof(&self) -> Proof<'_> {
        let secret = self.client_secret.as_ref().map(ExposeSecret::expose_secret);
        let id = self.client_id.as_str();
        match (secret, self.secret_in) {
            (Some(secret), SecretIn::Header) => Proof { header: Some((id, secret)), form: Vec::new() },
            (Some(secret), SecretIn::Form) => {
                Proof { header: None, form: vec![("client_id", id), ("client_secret", secret)] }
            }
            (None, SecretIn::Header | SecretIn::Form) => {
                Proof { header: None, form: vec![("client_id", id)] }
            }
        }
    }
}

/// What proves who asks, by where it goes.
pub(super) struct Proof<'a> {
    pub(super) header: Option<(&'a str, &'a str)>,
    pub(super) form: Vec<(&'a str, &'a str)>,
}
