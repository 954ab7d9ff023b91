//! Addresses: what they may say, that nothing of them is shown, and that users, passwords, databases and TLS work.

use std::error::Error;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codeflow_engine::Wire;
use codeflow_ratelimit::{LeaseRequest, Limit, Report, SharedLimits};
use codeflow_redis::{RedisAddress, RedisLimits, RedisWire};
use codeflow_testkit::RedisServer;
use tempfile::TempDir;

use crate::server::at;

/// What the guide tells operators to allow.
const RIGHTS: [&str; 16] = [
    "~codeflow:*",
    "&codeflow:*",
    "-@all",
    "+ping",
    "+select",
    "+script|load",
    "+script|exists",
    "+evalsha",
    "+time",
    "+hgetall",
    "+hset",
    "+hdel",
    "+pexpire",
    "+publish",
    "+subscribe",
    "+unsubscribe",
];

fn request() -> LeaseRequest {
    LeaseRequest {
        subject: "ada".to_owned(),
        limit: Limit::per_minute("requests", NonZeroU32::MAX),
        report: Report::default(),
        cost: 1,
        surplus: 5,
    }
}

/// What an error says, with its causes.
fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Uses all that adapters use. What goes wrong is told with its causes.
async fn uses(address: &RedisAddress) -> Result<(), String> {
    let limits = RedisLimits::new(address, "it", "requests");
    limits.reach().await.map_err(|error| told(&error))?;
    let reply = limits.lease(&[request()]).await.map_err(|error| told(&error))?[0];
    let report = Report { lease: reply.lease, held: reply.surplus, used: 1 };
    limits.lease(&[LeaseRequest { report, ..request() }]).await.map_err(|error| told(&error))?;
    limits.reach().await.map_err(|error| told(&error))?;
    let mut wire = RedisWire::new(address, "it").connect().await.map_err(|error| told(&error))?;
    wire.send(&["hello".to_owned()]).await.map_err(|error| told(&error))?;
    let heard = wire.receive().await.map_err(|error| told(&error))?;
    assert_eq!(heard, "hello");
    Ok(())
}

fn password() -> String {
    ["hun", "ter2"].concat()
}

#[test]
fn what_is_no_address_is_refused_and_not_shown() {
    let secret = password();
    for (url, told) in [
        ("", "is none such as"),
        ("localhost:6379", "is none such as"),
        ("http://user:SECRET@localhost/", "is none such as"),
        ("redis://:pa/SECRET@localhost/", "is none such as"),
        ("redis:///0", "names no host"),
        ("redis://user:SECRET@localhost/codeflow", "is not the number of a database"),
        ("redis://user:SECRET@localhost/-1", "is not the number of a database"),
        ("redis://user:SECRET@localhost/?db=2", "has something after `?`"),
        ("redis://user:SECRET@localhost/?protocol=4", "cannot be used"),
        ("rediss://user:SECRET@localhost/#insecure", "has a `#`"),
        (&["redis://user:", "SECRET#1@localhost/"].concat(), "is none such as"),
        ("unix:///run/redis.sock?password=SECRET", "has something after `?`"),
    ] {
        let refused = RedisAddress::parse(&url.replace("SECRET", &secret).into(), None);

        let error = refused.expect_err(url);
        assert!(error.to_string().contains(told), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains(&secret), "{error:?}");
    }
    for url in [
        "redis://localhost",
        "redis://localhost:6380/2",
        "valkey://localhost",
        "rediss://user:SECRET@redis.example:6380/15?protocol=resp3",
        "redis://:SECRET@[::1]:6379/",
        &["redis://user:", "a%2Fb%23c@localhost"].concat(),
        "unix:///run/redis.sock?db=2&user=codeflow&pass=SECRET",
    ] {
        let address = RedisAddress::parse(&url.replace("SECRET", &secret).into(), None);

        let address = address.expect(url);
        assert!(!format!("{address:?}").contains(&secret), "{address:?}");
    }
}

#[test]
fn authorities_have_to_be_certificates_and_need_tls() {
    let parse = |url: &str, pem: &str| {
        let parsed = RedisAddress::parse(&url.to_owned().into(), Some(pem));
        parsed.expect_err("it cannot be used").to_string()
    };
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

    assert!(parse("rediss://localhost", "nonsense").contains("no certificates in PEM"));
    assert!(parse("rediss://localhost", cut).contains("cannot be read"));
    assert!(parse("redis://localhost", cut).contains("has to begin with `rediss://`"));
}

#[tokio::test]
async fn a_user_who_may_do_no_more_than_the_guide_says_is_enough() {
    let redis = crate::server::RedisServer::start();
    let words = ["ACL", "SETUSER", "codeflow", "on", &format!(">{}", password())];
    let made: String = redis.command(&[&words[..], &RIGHTS[..]].concat());
    assert_eq!(made, "OK");
    redis.command::<String>(&["ACL", "SETUSER", "default", "off"]);
    let url = |user: &str, password: &str| format!("redis://{user}:{password}@{}/2", redis.address());

    let works = uses(&at(&url("codeflow", &password()))).await;
    let wrong = uses(&at(&url("codeflow", &format!("{}3", password())))).await;
    let nobody = uses(&at(&redis.url())).await;

    assert_eq!(works, Ok(()));
    let wrong = wrong.expect_err("that is not the password");
    assert!(wrong.contains("uthenticat") || wrong.contains("WRONGPASS"), "{wrong}");
    assert!(!wrong.contains(&password()), "{wrong}");
    assert!(nobody.expect_err("nobody may").contains("NOAUTH"));
}

#[tokio::test]
async fn a_password_alone_and_a_database_are_heeded() {
    let redis = RedisServer::start_with(&["--requirepass", &password()]);
    let url = format!("redis://:{}@{}/3", password(), redis.address());

    uses(&at(&url)).await.expect("the password is right");

    let client = redis::Client::open(url).expect("it is an address");
    let mut connection = client.get_connection().expect("it is there");
    let size = |connection: &mut redis::Connection| redis::cmd("DBSIZE").query::<u64>(connection);
    assert_eq!(size(&mut connection), Ok(1));
    redis::cmd("SELECT").arg(0).exec(&mut connection).expect("it has more than one");
    assert_eq!(size(&mut connection), Ok(0));
}

fn pem(what: &str, bytes: &[u8]) -> String {
    let lines: String = STANDARD
        .encode(bytes)
        .as_bytes()
        .chunks(64)
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect();
    format!("-----BEGIN {what}-----\n{lines}-----END {what}-----\n")
}

/// A Redis that speaks TLS, as `localhost`, and the certificate of whoever signed its own: itself.
fn secure(folder: &Path) -> (RedisServer, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("it can be made");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("the folder can be written");
        path.display().to_string()
    };
    let certificate = pem("CERTIFICATE", made.cert.der());
    let key = pem("PRIVATE KEY", &made.signing_key.serialize_der());
    let (cert, key) = (file("cert.pem", &certificate), file("key.pem", &key));
    let options = ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no"];
    let files = ["--tls-cert-file", &cert, "--tls-key-file", &key, "--tls-ca-cert-file", &cert];
    (RedisServer::start_with(&[&options[..], &files[..]].concat()), certificate)
}

#[tokio::test]
async fn over_tls_only_a_redis_with_a_good_certificate_is_used() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (redis, authority) = secure(folder.path());
    let (_, stranger) = secure(folder.path());
    let port = redis.address().port();
    let address = |host: &str, authority: Option<&str>| {
        let url = format!("rediss://{host}:{port}/");
        RedisAddress::parse(&url.into(), authority).expect("it is an address")
    };

    assert_eq!(uses(&address("localhost", Some(&authority))).await, Ok(()));
    for (host, authority, why) in [
        ("localhost", None, "nobody whom the system trusts signed it"),
        ("localhost", Some(stranger.as_str()), "somebody else did"),
        ("127.0.0.1", Some(authority.as_str()), "it is good for another name"),
    ] {
        let refused = uses(&address(host, authority)).await.expect_err(why);
        assert!(refused.contains("certificate"), "{why}: {refused}");
    }
}

#[tokio::test]
async fn a_redis_that_speaks_no_tls_is_not_spoken_to() {
    let redis = Arc::new(RedisServer::start());
    let url = format!("rediss://user:{}@localhost:{}/", password(), redis.address().port());
    let address = RedisAddress::parse(&url.into(), None).expect("it is an address");

    let refused = uses(&address).await.expect_err("it cannot answer");

    assert!(!refused.contains(&password()), "{refused}");
}
