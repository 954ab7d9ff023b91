//! TLS: who is trusted, and that nothing leads away from it.

use std::sync::Arc;

use codeflow_net::{NetPolicy, Phase, install_crypto_provider};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::connections::{fetch, hyper};
use crate::world::{Names, Reply, Server, client_with, get, ok, policy, redirect};

fn certificate() -> (CertificateDer<'static>, TlsAcceptor) {
    speaking(&[])
}

fn speaking(protocols: &[&str]) -> (CertificateDer<'static>, TlsAcceptor) {
    install_crypto_provider();
    install_crypto_provider();
    let made = rcgen::generate_simple_self_signed(vec!["secure.test".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let certificate = made.cert.der().clone();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate.clone()], key.into()).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    (certificate, TlsAcceptor::from(Arc::new(config)))
}

fn names() -> Names {
    Names::new(&[("secure.test", &[&["127.0.0.1"]]), ("other.test", &[&["127.0.0.1"]])])
}

#[tokio::test]
async fn a_certificate_of_ones_own_authority_is_trusted_when_settings_name_it() {
    let (root, tls) = certificate();
    let server = Server::listen("127.0.0.1", Some(tls), |_| ok("hello")).await;
    let policy = NetPolicy { extra_roots: vec![root], ..policy(&["secure.test"]) };

    let answer =
        client_with(policy, &names()).send(get(format!("https://secure.test:{}/", server.port))).await;

    assert_eq!(answer.unwrap().bytes().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_stranger_and_a_wrong_name_are_not_trusted() {
    let (root, tls) = certificate();
    let server = Server::listen("127.0.0.1", Some(tls), |_| ok("hello")).await;
    let known = NetPolicy { extra_roots: vec![root], ..policy(&["other.test"]) };
    let cases = [(policy(&["secure.test"]), "secure.test"), (known, "other.test")];

    for (policy, name) in cases {
        let url = format!("https://{name}:{}/", server.port);
        let error = client_with(policy, &names()).send(get(url)).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), ("net.tls", Phase::NotSent), "{name}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn no_redirect_leads_from_https_to_http() {
    let (root, tls) = certificate();
    let plain = Server::start(|_| ok("secret")).await;
    let port = plain.port;
    let server = Server::listen("127.0.0.1", Some(tls), move |_| {
        redirect(302, &format!("http://secure.test:{port}/"))
    })
    .await;
    let policy = NetPolicy { extra_roots: vec![root], ..policy(&["secure.test"]) };

    let url = format!("https://secure.test:{}/", server.port);
    let error = client_with(policy, &names()).send(get(url)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), ("net.redirect", Phase::Answered));
    assert_eq!(plain.opened(), 0);
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let (root, tls) = speaking(&["h2", "http/1.1"]);
    let server = Server::listen("127.0.0.1", Some(tls), |_| Reply::SendAndClose(Vec::new())).await;
    let policy = NetPolicy { extra_roots: vec![root], ..policy(&["secure.test"]) };
    let url = format!("https://secure.test:{}/", server.port);

    let error = client_with(policy.clone(), &names()).send(get(&url)).await.unwrap_err();
    let hyper_error = fetch(&hyper(policy, &names()), &url).await.unwrap_err();

    assert_eq!((error.code(), hyper_error.code()), ("net.interrupted", "net.interrupted"));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| request.head.starts_with("PRI * HTTP/2.0")), "{seen:?}");
}
