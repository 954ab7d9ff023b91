//! How the server listens.

use std::num::NonZeroUsize;
use std::time::Duration;

use codeflow_config::{Environment, Settings};

use crate::given::{refused, settings};

#[test]
fn without_settings_the_server_serves_its_own_machine() {
    let settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");

    let server = &settings.server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.body_limit, 32 << 20);
    assert_eq!(server.max_header_bytes, 32 << 10);
    assert_eq!(server.max_headers, 100);
    assert_eq!(server.header_read_timeout, Duration::from_secs(10));
    assert_eq!(server.body_read_timeout, Duration::from_secs(30));
    assert_eq!(server.write_timeout, Duration::from_secs(30));
    assert_eq!(server.idle_timeout, Duration::from_secs(75));
    assert_eq!(server.max_connections, 10_000);
    assert_eq!(server.drain, Duration::from_secs(30));
    assert_eq!(server.threads, None);
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in [
        ("1048576", 1 << 20),
        ("\"1048576\"", 1 << 20),
        ("\"1 MiB\"", 1 << 20),
        ("\"1MiB\"", 1 << 20),
        ("\"2 kib\"", 2048),
        ("\"1 GiB\"", 1 << 30),
        ("\"3 MB\"", 3_000_000),
        ("\"4 kB\"", 4000),
        ("\"1 GB\"", 1_000_000_000),
        ("\"7 B\"", 7),
    ] {
        assert_eq!(settings(&format!("[server]\nbody_limit = {text}\n")).server.body_limit, bytes, "{text}");
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    refused([
        ("[server]\nlisten = \"8080\"", "`server.listen` is not an address with a port"),
        ("[server]\nbody_limit = \"much\"", "`server.body_limit` is not a size"),
        ("[server]\nbody_limit = \"32 miles\"", "`server.body_limit` is not a size"),
        ("[server]\nbody_limit = \"99999999999 GiB\"", "`server.body_limit` is not a size"),
        ("[server]\nbody_limit = 0", "`server.body_limit` must be at least one byte"),
        ("[server]\nmax_header_bytes = 100", "`server.max_header_bytes` must be at least 8 KiB"),
        ("[server]\nmax_headers = 0", "`server.max_headers` must be at least 1"),
        ("[server]\nmax_connections = 0", "`server.max_connections` must be at least 1"),
        ("[server]\ndrain = 0", "`server.drain` must be longer than nothing"),
        (
            "[server]\ntrusted_proxies = [\"10/8\"]",
            "`server.trusted_proxies` is not a list of addresses or ranges",
        ),
        ("[server]\nport = 1", "sets `server.port`, which does not exist"),
    ]);
}

#[test]
fn the_number_of_threads_may_be_set() {
    assert_eq!(settings("[server]\nthreads = 3\n").server.threads, NonZeroUsize::new(3));
}

#[test]
fn trusted_proxies_are_addresses_and_ranges() {
    let shown = |text: &str| -> Vec<String> {
        settings(text).server.trusted_proxies.iter().map(ToString::to_string).collect()
    };

    assert!(shown("").is_empty());
    let both = "[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"2001:db8::1\"]\n";
    assert_eq!(shown(both), ["10.0.0.0/8", "2001:db8::1/128"]);
    assert_eq!(
        shown("[server]\ntrusted_proxies = \"10.0.0.0/8, 192.0.2.1\"\n"),
        ["10.0.0.0/8", "192.0.2.1/32"]
    );
}
