//! Who is at the other end of a connection, when proxies stand in between. Only what proxies of ours say is believed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The most addresses that are read of one list.
const MAX_HOPS: usize = 32;

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text is no range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range of addresses is written like 10.0.0.0/8 or 2001:db8::/32")]
pub struct InvalidNetwork;

impl Network {
    /// Whether an address is one of these.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same(own.to_bits().into(), other.to_bits().into(), 32 - u32::from(self.prefix))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same(own.to_bits(), other.to_bits(), 128 - u32::from(self.prefix))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether two addresses differ in nothing but their last bits.
fn same(one: u128, other: u128, free: u32) -> bool {
    (one ^ other).checked_shr(free).unwrap_or_default() == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.trim().parse().map_err(|_| InvalidNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = match prefix {
            None => most,
            Some(prefix) if digits(prefix) => prefix.parse().map_err(|_| InvalidNetwork)?,
            Some(_) => return Err(InvalidNetwork),
        };
        if prefix > most { Err(InvalidNetwork) } else { Ok(Self { address, prefix }) }
    }
}

/// What a request says of the way that it came, each header as often as it is there, in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardedHeaders<'a> {
    /// `Forwarded`.
    pub forwarded: &'a [&'a str],
    /// `X-Forwarded-For`.
    pub x_forwarded_for: &'a [&'a str],
}

/// The address of whoever sent a request that came over a connection from `peer`.
///
/// A proxy that is trusted says at the end of a list whom it serves; if that is another one that is trusted, its word
/// before that counts, and so on from right to left. What stands further left was written by anybody. A proxy keeps a
/// header up and may leave the other one as it came, so where both are there and differ, neither is believed.
pub fn client_address(peer: IpAddr, said: &ForwardedHeaders<'_>, trusted: &[Network]) -> IpAddr {
    let peer = peer.to_canonical();
    let forwarded =
        || said.forwarded.iter().rev().flat_map(|line| parts(line, ',').into_iter().rev().map(whom));
    let listed = || said.x_forwarded_for.iter().rev().flat_map(|line| line.rsplit(',').map(address));
    match (said.forwarded, said.x_forwarded_for) {
        ([], []) => peer,
        (_, []) => walk(peer, forwarded(), trusted),
        ([], _) => walk(peer, listed(), trusted),
        (_, _) => {
            let found = walk(peer, forwarded(), trusted);
            if found == walk(peer, listed(), trusted) { found } else { peer }
        }
    }
}

fn walk(peer: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut found = peer;
    for hop in hops.take(MAX_HOPS) {
        match hop {
            Some(hop) if is_trusted(found) => found = hop,
            Some(_) | None => break,
        }
    }
    found
}

/// The address in one element of `Forwarded`: `for=192.0.2.1;proto=https`.
fn whom(element: &str) -> Option<IpAddr> {
    let pairs = parts(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    match (named.next(), named.next()) {
        (Some((_, value)), None) => address(value.trim().trim_matches('"')),
        (None | Some(_), _) => None,
    }
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let port = |text: &str| text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let found: Option<IpAddr> = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if rest.is_empty() || port(rest) => address.parse().ok().map(IpAddr::V6),
        Some(_) => None,
        None => match text.split_once(':') {
            Some((address, rest)) if rest.parse::<u16>().is_ok() => address.parse().ok().map(IpAddr::V4),
            Some(_) | None => text.parse().ok(),
        },
    };
    found.map(|address| address.to_canonical())
}

/// Splits where the separator is not within quotes.
fn parts(text: &str, separator: char) -> Vec<&str> {
    let mut is_quoted = false;
    let split = |c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    };
    text.split(split).collect()
}
