//! How `codeflow-server` listens, and how much it takes from whoever connects.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use codeflow_ratelimit::Network;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::checks::Checks;
use crate::values::{Amount, Names};

/// How `codeflow-server` listens, and how much it takes from whoever connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address and port; port 0 takes any free one.
    pub listen: SocketAddr,
    /// All headers of one request together, in bytes.
    pub max_header_bytes: usize,
    /// How many headers one request may have.
    pub max_headers: usize,
    /// How long the headers of a request may take to arrive.
    pub header_read_timeout: Duration,
    /// The largest body of a request, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_read_timeout: Duration,
    /// The longest wait until a client takes more of an answer.
    pub write_timeout: Duration,
    /// How long a connection is kept that asks for nothing.
    pub idle_timeout: Duration,
    /// Connections at the same time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// How long calls may go on after a stop.
    pub drain: Duration,
    /// The origins whose pages may call the paths under `/api`.
    pub cors_origins: Vec<String>,
    /// For how long browsers are told to use TLS alone; `None`: they are not told.
    pub hsts: Option<Duration>,
    /// Threads that serve; `None`: one per core.
    pub threads: Option<NonZeroUsize>,
    /// Whose word about the address of a client is believed.
    pub trusted_proxies: Vec<Network>,
}

/// See [`ServerSettings`].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawServer {
    /// The address and port. Beyond this machine, use a proxy for TLS.
    listen: String,
    /// All headers of one request together.
    max_header_bytes: Amount,
    /// How many headers one request may have.
    max_headers: usize,
    /// How long the headers of a request may take to arrive.
    header_read_timeout: Amount,
    /// The largest body of a request: B, KiB, MiB, GiB; a plain number is in bytes.
    body_limit: Amount,
    /// How long a body may take to arrive.
    body_read_timeout: Amount,
    /// The longest wait until a client takes more of an answer.
    write_timeout: Amount,
    /// How long a connection is kept that asks for nothing.
    idle_timeout: Amount,
    /// Connections at the same time; further ones wait.
    max_connections: usize,
    /// How long calls may go on after a stop.
    drain: Amount,
    /// The origins whose pages may call the paths under `/api` from a browser, such as https://console.example.org.
    cors_origins: Names,
    /// For how long browsers are told to use TLS alone (`Strict-Transport-Security`). Left out: they are not told.
    #[schemars(extend("x-example" = "365d"))]
    hsts: Option<Amount>,
    /// Threads that serve. 0: one per core.
    threads: usize,
    /// The proxies whose `Forwarded` and `X-Forwarded-For` headers are believed, as addresses or ranges such as
    /// 10.0.0.0/8. Without any, the address of a client is the one that it connects from.
    trusted_proxies: Names,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            max_header_bytes: Amount::text("32 KiB"),
            max_headers: 100,
            header_read_timeout: Amount::text("10s"),
            body_limit: Amount::text("32 MiB"),
            body_read_timeout: Amount::text("30s"),
            write_timeout: Amount::text("30s"),
            idle_timeout: Amount::text("75s"),
            max_connections: 10_000,
            drain: Amount::text("30s"),
            cors_origins: Names::default(),
            hsts: None,
            threads: 0,
            trusted_proxies: Names::default(),
        }
    }
}

impl RawServer {
    pub(crate) fn settle(self, checks: &mut Checks) -> ServerSettings {
        let wanted = "an address with a port, such as 127.0.0.1:8080 or [::1]:8080";
        let listen = checks.parsed("server.listen", &self.listen, wanted);
        let max_header_bytes = checks.bytes("server.max_header_bytes", &self.max_header_bytes);
        if (1..8192).contains(&max_header_bytes) {
            checks
                .refuse("server.max_header_bytes", "must be at least 8 KiB, which clients take for granted");
        }
        let wanted = "a list of addresses or ranges, such as 10.0.0.0/8 or 2001:db8::/32";
        let network = |text: &String| checks.parsed("server.trusted_proxies", text, wanted);
        let trusted = self.trusted_proxies.0.iter().filter_map(network).collect();
        ServerSettings {
            listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
            max_header_bytes,
            max_headers: checks.count("server.max_headers", self.max_headers),
            header_read_timeout: checks.duration("server.header_read_timeout", &self.header_read_timeout),
            body_limit: checks.bytes("server.body_limit", &self.body_limit),
            body_read_timeout: checks.duration("server.body_read_timeout", &self.body_read_timeout),
            write_timeout: checks.duration("server.write_timeout", &self.write_timeout),
            idle_timeout: checks.duration("server.idle_timeout", &self.idle_timeout),
            max_connections: checks.count("server.max_connections", self.max_connections),
            drain: checks.duration("server.drain", &self.drain),
            cors_origins: origins(self.cors_origins, checks),
            hsts: self.hsts.map(|hsts| checks.duration("server.hsts", &hsts)),
            threads: NonZeroUsize::new(self.threads),
            trusted_proxies: trusted,
        }
    }
}

/// Each is exactly what a browser sends, so that it can be compared as text.
fn origins(names: Names, checks: &mut Checks) -> Vec<String> {
    let is_origin = |text: &str| Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text);
    if !names.0.iter().all(|name| is_origin(name)) {
        let problem =
            "names origins as browsers write them, such as https://console.example.org: no path, no `*`";
        checks.refuse("server.cors_origins", problem);
    }
    names.0
}
