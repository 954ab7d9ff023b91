//! Verdicts on addresses.

use codeflow_net::Refusal::{
    self, CarrierNat, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Reserved, Tunnel,
    Unspecified,
};
use codeflow_net::refusal;

const PUBLIC: Option<Refusal> = None;

const VERDICTS: [(&str, Option<Refusal>); 86] = [
    ("0.0.0.0", Some(Unspecified)),
    ("0.1.2.3", Some(Unspecified)),
    ("9.255.255.255", PUBLIC),
    ("10.0.0.0", Some(Private)),
    ("10.255.255.255", Some(Private)),
    ("11.0.0.0", PUBLIC),
    ("100.63.255.255", PUBLIC),
    ("100.64.0.0", Some(CarrierNat)),
    ("100.127.255.255", Some(CarrierNat)),
    ("100.100.100.200", Some(Metadata)),
    ("100.128.0.0", PUBLIC),
    ("127.0.0.1", Some(Loopback)),
    ("127.255.255.254", Some(Loopback)),
    ("128.0.0.1", PUBLIC),
    ("168.63.129.16", Some(Metadata)),
    ("169.253.255.255", PUBLIC),
    ("169.254.0.1", Some(LinkLocal)),
    ("169.254.169.254", Some(Metadata)),
    ("169.254.170.2", Some(Metadata)),
    ("169.255.0.0", PUBLIC),
    ("172.15.255.255", PUBLIC),
    ("172.16.0.0", Some(Private)),
    ("172.31.255.255", Some(Private)),
    ("172.32.0.0", PUBLIC),
    ("192.0.0.1", Some(Reserved)),
    ("192.0.1.1", PUBLIC),
    ("192.0.2.1", Some(Documentation)),
    ("192.88.99.1", Some(Tunnel)),
    ("192.167.255.255", PUBLIC),
    ("192.168.0.1", Some(Private)),
    ("192.169.0.0", PUBLIC),
    ("198.17.255.255", PUBLIC),
    ("198.18.0.1", Some(Documentation)),
    ("198.19.255.255", Some(Documentation)),
    ("198.20.0.0", PUBLIC),
    ("198.51.100.7", Some(Documentation)),
    ("203.0.113.7", Some(Documentation)),
    ("223.255.255.255", PUBLIC),
    ("224.0.0.1", Some(Multicast)),
    ("239.255.255.255", Some(Multicast)),
    ("240.0.0.1", Some(Reserved)),
    ("255.255.255.255", Some(Reserved)),
    ("8.8.8.8", PUBLIC),
    ("::", Some(Unspecified)),
    ("::1", Some(Loopback)),
    ("::2", Some(Unspecified)),
    ("::127.0.0.1", Some(Loopback)),
    ("::8.8.8.8", Some(Tunnel)),
    ("::ffff:127.0.0.1", Some(Loopback)),
    ("::ffff:169.254.169.254", Some(Metadata)),
    ("::ffff:10.1.2.3", Some(Private)),
    ("::ffff:8.8.8.8", PUBLIC),
    ("::ffff:0:127.0.0.1", Some(Tunnel)),
    ("64:ff9b::10.0.0.1", Some(Private)),
    ("64:ff9b::169.254.169.254", Some(Metadata)),
    ("64:ff9b::8.8.8.8", PUBLIC),
    ("64:ff9b:1::10.0.0.1", Some(Tunnel)),
    ("64:ff9b:2::1", Some(Reserved)),
    ("100::1", Some(Reserved)),
    ("2000::1", PUBLIC),
    ("2001::1", Some(Tunnel)),
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", Some(Tunnel)),
    ("2001:2::1", Some(Documentation)),
    ("2001:20::1", Some(Reserved)),
    ("2001:1ff::1", Some(Reserved)),
    ("2001:200::1", PUBLIC),
    ("2001:4860:4860::8888", PUBLIC),
    ("2001:db8::1", Some(Documentation)),
    ("2001:db9::1", PUBLIC),
    ("2002:7f00:1::", Some(Tunnel)),
    ("2002:808:808::1", Some(Tunnel)),
    ("2606:4700::1111", PUBLIC),
    ("2606:4700::5efe:10.0.0.1", Some(Tunnel)),
    ("2606:4700::200:5efe:10.0.0.1", Some(Tunnel)),
    ("3fff::1", Some(Documentation)),
    ("3fff:1000::1", PUBLIC),
    ("4000::1", Some(Reserved)),
    ("5f00::1", Some(Reserved)),
    ("fc00::1", Some(Private)),
    ("fd00:ec2::254", Some(Metadata)),
    ("fd20:ce::254", Some(Metadata)),
    ("fdff::1", Some(Private)),
    ("fe80::1", Some(LinkLocal)),
    ("febf::1", Some(LinkLocal)),
    ("fec0::1", Some(Private)),
    ("ff02::1", Some(Multicast)),
];

#[test]
fn every_address_has_its_verdict() {
    for (address, verdict) in VERDICTS {
        assert_eq!(refusal(address.parse().unwrap()), verdict, "{address}");
    }
}

#[test]
fn every_refusal_can_be_read_by_a_person() {
    for address in
        ["0.0.0.0", "127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.0.1", "169.254.169.254", "224.0.0.1"]
    {
        let reason = refusal(address.parse().unwrap()).unwrap().to_string();

        assert!(
            reason.starts_with("a ") || reason.starts_with("in a ") || reason == "unspecified",
            "{reason}"
        );
    }
}
