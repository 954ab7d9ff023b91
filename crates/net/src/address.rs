//! Which addresses may be reached from here. Only addresses: names and settings are judged elsewhere.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// `0.0.0.0/8` or `::`, which many systems take for themselves.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private or unique-local network.
    Private,
    /// The shared network between a carrier and its customers, `100.64.0.0/10`.
    CarrierNat,
    /// Only this link.
    LinkLocal,
    /// A cloud's service that hands out credentials to whoever asks from inside.
    Metadata,
    /// A group of hosts.
    Multicast,
    /// Set aside for documentation and benchmarks.
    Documentation,
    /// An address that carries another one (6to4, Teredo and their like) through a relay nobody knows.
    Tunnel,
    /// Set aside, broadcast, or not given to anybody.
    Reserved,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::CarrierNat => "in a carrier's shared network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata service",
            Self::Multicast => "a multicast address",
            Self::Documentation => "set aside for documentation",
            Self::Tunnel => "a tunnel's address",
            Self::Reserved => "reserved",
        })
    }
}

/// Says why an address may not be reached; nothing when it is a public one.
///
/// An IPv6 address that stands for an IPv4 address (mapped, or translated by NAT64) is judged as that one.
#[must_use]
pub fn refusal(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

/// Azure's agent answers at a public address; the others are the link-local and shared ones.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// Amazon's and Google's metadata services.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
];

fn refusal_v4(address: Ipv4Addr) -> Option<Refusal> {
    if METADATA_V4.contains(&address) {
        return Some(Refusal::Metadata);
    }
    match address.octets() {
        [0, ..] => Some(Refusal::Unspecified),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Refusal::Private),
        [100, 64..=127, ..] => Some(Refusal::CarrierNat),
        [127, ..] => Some(Refusal::Loopback),
        [169, 254, ..] => Some(Refusal::LinkLocal),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => {
            Some(Refusal::Documentation)
        }
        [192, 88, 99, _] => Some(Refusal::Tunnel),
        [224..=239, ..] => Some(Refusal::Multicast),
        [192, 0, 0, _] | [240..=255, ..] => Some(Refusal::Reserved),
        [..] => None,
    }
}

fn refusal_v6(address: Ipv6Addr) -> Option<Refusal> {
    if METADATA_V6.contains(&address) {
        return Some(Refusal::Metadata);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Refusal::Unspecified),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Refusal::Loopback),
        // Mapped (::ffff:a.b.c.d) and NAT64 (64:ff9b::a.b.c.d): what the embedded address is.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            refusal_v4(embedded(high, low))
        }
        // Compatible (::a.b.c.d), translated (::ffff:0:a.b.c.d), NAT64 of a site: nobody public has these.
        [0, 0, 0, 0, 0, 0, high, low] => Some(refusal_v4(embedded(high, low)).unwrap_or(Refusal::Tunnel)),
        [0, 0, 0, 0, 0xffff, 0, _, _] | [0x64, 0xff9b, 1, ..] => Some(Refusal::Tunnel),
        [0x2002, ..] | [0x2001, 0, ..] => Some(Refusal::Tunnel),
        // An interface identifier of ISATAP carries an IPv4 address in any network.
        [_, _, _, _, 0 | 0x200, 0x5efe, _, _] => Some(Refusal::Tunnel),
        [0x2001, 0x0db8, ..] | [0x2001, 2, 0, ..] | [0x3fff, 0..=0x0fff, ..] => Some(Refusal::Documentation),
        [0x2001, 0..=0x01ff, ..] => Some(Refusal::Reserved),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Some(Refusal::Private),
        [0xfe80..=0xfebf, ..] => Some(Refusal::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Refusal::Multicast),
        // Everything that is given to anybody is in 2000::/3.
        [0x2000..=0x3fff, ..] => None,
        [..] => Some(Refusal::Reserved),
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}
