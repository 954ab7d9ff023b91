//! Whose address it is, whatever they write into headers.

use std::net::IpAddr;

use codeflow_ratelimit::{ForwardedHeaders, Network, client_address};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("it is an address")
}

fn networks(texts: &[&str]) -> Vec<Network> {
    texts.iter().map(|text| text.parse().expect("it is a range")).collect()
}

/// The address that is found behind proxies in 10.0.0.0/8, fd00::/8 and at 192.0.2.9.
fn found(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
    let trusted = networks(&["10.0.0.0/8", "fd00::/8", "192.0.2.9"]);
    client_address(ip(peer), &ForwardedHeaders { forwarded, x_forwarded_for }, &trusted).to_string()
}

#[test]
fn only_what_trusted_proxies_say_is_believed() {
    for (peer, listed, expected) in [
        // Nobody is trusted but the proxies.
        ("203.0.113.7", vec!["198.51.100.1"], "203.0.113.7"),
        ("203.0.113.7", vec!["10.0.0.1"], "203.0.113.7"),
        ("::ffff:203.0.113.7", vec!["10.0.0.1"], "203.0.113.7"),
        // One proxy, and what a client wrote before it.
        ("10.0.0.1", vec![], "10.0.0.1"),
        ("10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", vec!["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", vec!["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", vec!["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", vec!["127.0.0.1", "198.51.100.1"], "198.51.100.1"),
        // Several proxies.
        ("10.0.0.1", vec!["198.51.100.1, 192.0.2.9, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", vec!["1.1.1.1, 198.51.100.1,10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", vec!["198.51.100.1", "192.0.2.9"], "198.51.100.1"),
        ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("fd00::1", vec!["2001:db8::7, fd00::2"], "2001:db8::7"),
        // Ports, spaces, and other ways to write it.
        ("10.0.0.1", vec![" 198.51.100.1:4711 "], "198.51.100.1"),
        ("10.0.0.1", vec!["[2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.1", vec!["[2001:db8::7]"], "2001:db8::7"),
        ("10.0.0.1", vec!["::ffff:198.51.100.1"], "198.51.100.1"),
        // What cannot be read ends the list: the last one that can be believed counts.
        ("10.0.0.1", vec!["unknown"], "10.0.0.1"),
        ("10.0.0.1", vec![""], "10.0.0.1"),
        ("10.0.0.1", vec!["198.51.100.1, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", vec!["198.51.100.1, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", vec!["198.51.100.1:99999"], "10.0.0.1"),
        ("10.0.0.1", vec!["[198.51.100.1]"], "10.0.0.1"),
        ("10.0.0.1", vec!["[2001:db8::7]x"], "10.0.0.1"),
        ("10.0.0.1", vec!["0x7f.1"], "10.0.0.1"),
    ] {
        assert_eq!(found(peer, &[], &listed), expected, "{peer} {listed:?}");
    }
}

#[test]
fn the_standard_header_is_read_like_the_usual_one() {
    for (peer, forwarded, expected) in [
        ("203.0.113.7", vec!["for=198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", vec!["for=198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", vec!["For=\"198.51.100.1:80\"; proto=https;by=10.0.0.1"], "198.51.100.1"),
        ("10.0.0.1", vec!["for=127.0.0.1, for=198.51.100.1;host=\"a,b;for=1.1.1.1\""], "198.51.100.1"),
        ("10.0.0.1", vec!["for=\"[2001:db8::7]:4711\", for=10.0.0.2"], "2001:db8::7"),
        ("10.0.0.1", vec!["for=198.51.100.1", "for=10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", vec!["for=_hidden"], "10.0.0.1"),
        ("10.0.0.1", vec!["proto=https"], "10.0.0.1"),
        ("10.0.0.1", vec!["for=127.0.0.1;for=198.51.100.1"], "10.0.0.1"),
        ("10.0.0.1", vec!["for=198.51.100.1, by=1.1.1.1"], "10.0.0.1"),
    ] {
        assert_eq!(found(peer, &forwarded, &[]), expected, "{peer} {forwarded:?}");
    }
}

#[test]
fn a_header_that_the_proxy_did_not_write_does_not_help() {
    assert_eq!(found("10.0.0.1", &["for=1.1.1.1"], &["198.51.100.1"]), "10.0.0.1");
    assert_eq!(found("10.0.0.1", &["for=198.51.100.1"], &["198.51.100.1"]), "198.51.100.1");
}

#[test]
fn no_list_is_read_without_end() {
    let hops = vec!["10.0.0.2"; 10_000].join(",");

    assert_eq!(found("10.0.0.1", &[], &[&format!("198.51.100.1,{hops}")]), "10.0.0.2");
}

#[test]
fn ranges_hold_what_they_say() {
    for (range, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.0.2.128/25", "192.0.2.200", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
        ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("::1", "::1", "::2"),
        ("::/0", "2001:db8::1", "203.0.113.1"),
    ] {
        let network: Network = range.parse().expect("it is a range");
        assert!(network.contains(ip(inside)), "{range} {inside}");
        assert!(!network.contains(ip(outside)), "{range} {outside}");
    }
    for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "ten/8", "10/8"] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong}");
    }
    assert_eq!(
        "10.0.0.0/8".parse::<Network>().map(|network| network.to_string()),
        Ok("10.0.0.0/8".to_owned())
    );
}
