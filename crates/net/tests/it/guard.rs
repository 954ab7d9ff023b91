//! Where requests may go, by URL and by what names lead to.

use codeflow_net::{AllowedHost, Error, ErrorKind, Guard, NetPolicy, Phase, Request};
use http::Method;

use crate::world::{Names, Server, client_with, get, ok, policy, said};

fn verdict(policy: &NetPolicy, url: &str) -> Result<(), Error> {
    Guard::new(policy.clone()).check(&Request::new(Method::GET, url)?.url)
}

#[test]
fn urls_are_judged_before_any_name_is_looked_up() {
    use ErrorKind::{InvalidUrl, RefusedAddress};
    let policy = policy(&["localhost:11434", "10.1.2.3", "[::1]:8080", "models.internal:80"]);
    let table = [
        ("https://example.com/", None),
        ("https://example.com:8443/", None),
        ("http://example.com/", Some(RefusedAddress)),
        ("http://localhost:11434/api", None),
        ("https://localhost:11434/api", None),
        ("http://localhost:11435/", Some(RefusedAddress)),
        ("http://localhost/", Some(RefusedAddress)),
        ("http://localhost.:11434/", Some(RefusedAddress)),
        ("http://LOCALHOST:11434/", None),
        ("http://10.1.2.3:9/", None),
        ("https://10.1.2.4/", Some(RefusedAddress)),
        ("http://[::1]:8080/", None),
        ("http://[0:0:0:0:0:0:0:1]:8080/", None),
        ("https://[::1]/", Some(RefusedAddress)),
        ("http://models.internal/", None),
        ("https://models.internal/", None),
        ("http://models.internal:81/", Some(RefusedAddress)),
        ("https://127.0.0.1/", Some(RefusedAddress)),
        ("https://127.1/", Some(RefusedAddress)),
        ("https://2130706433/", Some(RefusedAddress)),
        ("https://0x7f.0.0.1/", Some(RefusedAddress)),
        ("https://0177.0.0.1/", Some(RefusedAddress)),
        ("https://[::ffff:127.0.0.1]/", Some(RefusedAddress)),
        ("https://[64:ff9b::7f00:1]/", Some(RefusedAddress)),
        ("https://[fd00:ec2::254]/", Some(RefusedAddress)),
        ("https://user@example.com/", Some(InvalidUrl)),
        ("https://:secret@localhost:11434/", Some(InvalidUrl)),
        ("ftp://example.com/", Some(InvalidUrl)),
        ("file:///etc/passwd", Some(InvalidUrl)),
        ("gopher://localhost:11434/", Some(InvalidUrl)),
        ("data:text/plain,x", Some(InvalidUrl)),
        ("https://", Some(InvalidUrl)),
        ("not a url", Some(InvalidUrl)),
    ];
    for (url, expected) in table {
        assert_eq!(verdict(&policy, url).err().map(|error| error.kind()), expected, "{url}");
    }
}

#[test]
fn ports_and_plain_http_follow_the_settings() {
    let policy = NetPolicy { plain_http: true, ports: Some(vec![80, 443]), ..policy(&["localhost"]) };

    assert!(verdict(&policy, "http://example.com/").is_ok());
    assert!(verdict(&policy, "http://localhost:9/").is_ok());
    assert_eq!(verdict(&policy, "https://example.com:22/").unwrap_err().code(), "net.refused_address");
}

#[test]
fn hosts_in_settings_are_hosts_and_ports() {
    for right in ["localhost", "LocalHost:80", "10.0.0.1:443", "[::1]", "[::1]:80", "bücher.test"] {
        assert!(right.parse::<AllowedHost>().is_ok(), "{right}");
    }
    for wrong in ["", "http://localhost", "localhost:port", "::1", "localhost:99999", "a b"] {
        assert_eq!(wrong.parse::<AllowedHost>().unwrap_err().kind(), ErrorKind::InvalidUrl, "{wrong}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_and_nobody_is_connected_to() {
    let server = Server::start(|_| ok("secret")).await;
    let inside: &[(&str, &[&[&str]])] = &[
        ("loopback.test", &[&["127.0.0.1"]]),
        ("mixed.test", &[&["93.184.216.34", "127.0.0.1"]]),
        ("mapped.test", &[&["::ffff:127.0.0.1"]]),
        ("six.test", &[&["::1"]]),
        ("metadata.test", &[&["169.254.169.254"]]),
    ];
    let names = Names::new(inside);
    let client = client_with(NetPolicy { plain_http: true, ..policy(&["127.0.0.1"]) }, &names);

    for (name, _) in inside {
        let error =
            client.send(get(format!("http://{name}:{}/?token=hidden", server.port))).await.unwrap_err();

        assert_eq!((error.kind(), error.phase()), (ErrorKind::RefusedAddress, Phase::NotSent), "{name}");
        assert!(!said(&error).contains("hidden"), "{}", said(&error));
    }
    assert_eq!(server.opened(), 0);
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_one_connected_to() {
    let first =
        Server::start(|_| crate::world::Reply::SendAndClose(b"HTTP/1.1 200 OK\r\n\r\nfirst".to_vec())).await;
    let names = Names::new(&[("rebound.test", &[&["127.0.0.1"], &["127.0.0.2"], &["169.254.169.254"]])]);
    let client = client_with(policy(&["rebound.test"]), &names);
    let url = format!("http://rebound.test:{}/", first.port);

    let body = client.send(get(&url)).await.unwrap().bytes().await.unwrap();

    assert_eq!(body, "first");
    assert_eq!(names.asked("rebound.test"), 1, "no second question between the check and the connection");

    let elsewhere = client.send(get(&url)).await.unwrap_err();
    assert_eq!(
        (elsewhere.kind(), elsewhere.phase()),
        (ErrorKind::Connect, Phase::NotSent),
        "127.0.0.2 was taken"
    );

    let metadata = client.send(get(&url)).await.unwrap_err();
    assert_eq!(
        metadata.kind(),
        ErrorKind::RefusedAddress,
        "a named host may be inside, but not the metadata service"
    );
    assert_eq!(first.opened(), 1);
}

#[tokio::test]
async fn a_host_that_is_named_with_a_port_is_trusted_there_alone() {
    let server = Server::start(|_| ok("hello")).await;
    let other = Server::start(|_| ok("secret")).await;
    let names = Names::new(&[("named.test", &[&["127.0.0.1"]])]);
    let named = NetPolicy { plain_http: true, ..policy(&[&format!("named.test:{}", server.port)]) };
    let client = client_with(named, &names);

    let answer = client.send(get(format!("http://named.test:{}/", server.port))).await.unwrap();
    let refused = client.send(get(format!("http://named.test:{}/", other.port))).await.unwrap_err();

    assert_eq!(answer.status, 200);
    assert_eq!(refused.kind(), ErrorKind::RefusedAddress);
    assert_eq!(other.opened(), 0);
}

#[tokio::test]
async fn a_name_without_an_address_says_so() {
    let names = Names::new(&[("empty.test", &[&[]])]);
    let client = client_with(NetPolicy::default(), &names);

    for name in ["empty.test", "unknown.test"] {
        let error = client.send(get(format!("https://{name}/"))).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), ("net.resolve", Phase::NotSent), "{name}");
    }
}

#[tokio::test]
async fn the_systems_names_are_checked_as_well() {
    let server = Server::start(|_| ok("hello")).await;
    let url = format!("http://localhost:{}/", server.port);
    let open = Guard::new(policy(&["localhost"]));
    let shut = Guard::new(NetPolicy { plain_http: true, ..NetPolicy::default() });
    let limits = codeflow_net::Limits::default();

    let answer = codeflow_net::Client::new(open, limits).unwrap().send(get(&url)).await.unwrap();
    let refused = codeflow_net::Client::new(shut, limits).unwrap().send(get(&url)).await.unwrap_err();

    assert_eq!(answer.bytes().await.unwrap(), "hello");
    assert_eq!(refused.kind(), ErrorKind::RefusedAddress);
}
