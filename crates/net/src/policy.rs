//! What settings say about the way out, and what that means for one URL before anything is looked up.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use url::{Host, Url};

use crate::address::{Refusal, refusal};
use crate::error::{Error, ErrorKind};
use crate::resolve::Refused;

/// Where requests may go.
#[derive(Clone, Debug)]
pub struct NetPolicy {
    /// Hosts that settings name: they may be inside the network and be spoken to without TLS.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Whether public hosts may be spoken to without TLS.
    pub plain_http: bool,
    /// The ports of hosts that are not named; `None` allows all.
    pub ports: Option<Vec<u16>>,
    /// How long a connection may take: the name, the address and TLS together.
    pub connect_timeout: Duration,
    /// Certificates trusted beside those of the system, for a company's own authority.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for NetPolicy {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            plain_http: false,
            ports: None,
            connect_timeout: Duration::from_secs(10),
            extra_roots: Vec::new(),
        }
    }
}

/// A host that settings name: `localhost:11434`, `models.internal`, `10.1.2.3`, `[::1]:8080`.
///
/// Without a port every port of the host is meant. It covers requests that name the host exactly so, never
/// another name that leads to the same address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedHost {
    host: Host,
    port: Option<u16>,
}

impl FromStr for AllowedHost {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong =
            || invalid("a host in settings is `host` or `host:port`, and an IPv6 address stands in brackets");
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !text.ends_with(']') => (host, Some(port.parse().map_err(|_| wrong())?)),
            Some(_) | None => (text, None),
        };
        let host = Host::parse(host).map_err(|_| wrong())?;
        Ok(Self { host, port })
    }
}

/// How far the addresses of a host are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Only public addresses.
    Public,
    /// Settings name the host: any address but a cloud's metadata service.
    Named,
}

impl Trust {
    /// Why an address that a name led to may not be reached.
    pub(crate) fn refuses(self, address: IpAddr) -> Option<Refusal> {
        match self {
            Self::Public => refusal(address),
            Self::Named => refusal(address).filter(|reason| *reason == Refusal::Metadata),
        }
    }
}

impl NetPolicy {
    /// Judges all of a URL that can be judged without looking up its name.
    pub(crate) fn admit(&self, url: &Url) -> Result<Trust, Error> {
        let host = url.host().ok_or_else(|| invalid("a URL needs a host"))?;
        let port =
            url.port_or_known_default().ok_or_else(|| invalid("only http and https URLs are requested"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("only http and https URLs are requested"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("a URL must not hold a user name or password"));
        }
        let host = host.to_owned();
        if self.names(&host, port) {
            return Ok(Trust::Named);
        }
        self.admit_public(&host, port, url.scheme() == "http")?;
        Ok(Trust::Public)
    }

    fn names(&self, host: &Host, port: u16) -> bool {
        self.allowed_hosts
            .iter()
            .any(|allowed| allowed.host == *host && allowed.port.is_none_or(|named| named == port))
    }

    fn admit_public(&self, host: &Host, port: u16, plain: bool) -> Result<(), Error> {
        let refuse = |context| Err(Error::new(ErrorKind::RefusedAddress, context));
        if plain && !self.plain_http {
            return refuse(format!("`{host}` may only be reached over https"));
        }
        if self.ports.as_ref().is_some_and(|ports| !ports.contains(&port)) {
            return refuse(format!("port {port} of `{host}` may not be reached"));
        }
        let address = match host {
            Host::Domain(_) => return Ok(()),
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
        };
        match refusal(address) {
            None => Ok(()),
            Some(reason) => {
                Err(Error::new(ErrorKind::RefusedAddress, format!("`{host}` may not be reached"))
                    .because(Refused { address, reason }))
            }
        }
    }
}

fn invalid(context: &str) -> Error {
    Error::new(ErrorKind::InvalidUrl, context.to_owned())
}
