//! Where a Redis is and how to get in. It may hold a password, so it is never printed, and what is wrong with it is said
//! without showing any of it.

use std::fmt;

use redis::{Client, TlsCertificates};
use secrecy::{ExposeSecret, SecretString};

/// Where a Redis is and how to get in: `redis://user:password@host:6379/0`, with TLS `rediss://…`, or `unix:///path`.
#[derive(Clone)]
pub struct RedisAddress(Client);

/// An address cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of Redis {problem}")]
pub struct InvalidAddress {
    problem: &'static str,
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAddress").finish_non_exhaustive()
    }
}

impl RedisAddress {
    /// Reads an address. With `rediss://`, the certificate of the server has to be good for the host and signed by somebody
    /// whom the system trusts, or by one of `authorities`, as PEM. Nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &SecretString, authorities: Option<&str>) -> Result<Self, InvalidAddress> {
        // Causes are left out: they may show a part of the address.
        let url = redis::parse_redis_url(url.expose_secret().trim()).ok_or_else(|| invalid(
            "is none such as `redis://host:6379` or `rediss://user:password@host`; write `%2F` for a `/` in a password, \
             `%23` for `#`, `%3F` for `?`",
        ))?;
        let is_secure = matches!(url.scheme(), "rediss" | "valkeys");
        let is_local = url.scheme().ends_with("unix");
        if url.fragment().is_some() {
            return Err(invalid(
                "has a `#`; no server is trusted without a good certificate: name who signed it",
            ));
        }
        let known: &[&str] = if is_local { &["db", "user", "pass", "protocol"] } else { &["protocol"] };
        if url.query_pairs().any(|(name, _)| !known.contains(&name.as_ref())) {
            return Err(invalid(
                "has something after `?` that is not understood; a database is the path: `/2`",
            ));
        }
        if is_local && url.to_file_path().is_err() {
            return Err(invalid("names no socket, such as `unix:///run/redis.sock`"));
        }
        if !is_local && url.host_str().is_none_or(str::is_empty) {
            return Err(invalid("names no host"));
        }
        let database = url.path().trim_matches('/');
        if !is_local && !database.is_empty() && database.parse::<u32>().is_err() {
            return Err(invalid("ends in something that is not the number of a database, such as `/2`"));
        }
        let client = Client::open(url).map_err(|_| invalid("cannot be used"))?;
        match authorities {
            None => Ok(Self(client)),
            Some(_) if !is_secure => {
                Err(invalid("has to begin with `rediss://` when it is said who signs certificates"))
            }
            Some(pem) => signed_by(&client, pem),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0
    }
}

fn signed_by(client: &Client, pem: &str) -> Result<RedisAddress, InvalidAddress> {
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(invalid("comes with authorities that are no certificates in PEM"));
    }
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(pem.as_bytes().to_vec()) };
    let connection = client.get_connection_info().clone();
    let client = Client::build_with_tls(connection, trusted);
    client.map(RedisAddress).map_err(|_| invalid("comes with authorities that cannot be read"))
}

fn invalid(problem: &'static str) -> InvalidAddress {
    InvalidAddress { problem }
}
