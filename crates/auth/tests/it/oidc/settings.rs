//! Settings that are refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_auth::{
    ErrorKind, OAuth2, Protocol, ProviderSettings, SignInProviders, SignInSettings, SignInSources, Vault,
};
use codeflow_net::{Client, Guard, Limits, NetPolicy};
use codeflow_testkit::ManualClock;
use url::Url;

use super::world::provider;
use crate::kept::Kept;

fn sources() -> SignInSources {
    SignInSources {
        store: Arc::new(Kept::default()),
        vault: Arc::new(Vault::new(&[7; 32]).unwrap()),
        clock: Arc::new(ManualClock::default()),
        client: Client::new(Guard::new(NetPolicy::default()), Limits::default()).unwrap(),
    }
}

fn make(
    callback: &str,
    name: &str,
    settings: ProviderSettings,
) -> Result<SignInProviders, codeflow_auth::Error> {
    let providers = BTreeMap::from([(name.to_owned(), settings)]);
    SignInProviders::new(SignInSettings { callback: Url::parse(callback).unwrap(), providers }, sources())
}

fn google() -> ProviderSettings {
    provider(Protocol::OpenId { issuer: "https://accounts.google.com".to_owned() })
}

#[test]
fn settings_that_cannot_hold_are_refused_by_name() {
    const CALLBACK: &str = "https://flow.example.com/callback";
    let issuer = |issuer: &str| provider(Protocol::OpenId { issuer: issuer.to_owned() });
    let github = |change: fn(&mut OAuth2)| {
        let mut paths = OAuth2::github();
        change(&mut paths);
        provider(Protocol::OAuth2(Box::new(paths)))
    };
    let table = [
        ("callback", "https://flow.example.com/callback?x=1", "google", google()),
        ("callback", "https://flow.example.com/callback#x", "google", google()),
        ("callback", "file:///callback", "google", google()),
        ("providers", CALLBACK, "", google()),
        ("providers", CALLBACK, "Goo/gle", google()),
        ("providers", CALLBACK, "a-name-that-has-more-than-32-bytes", google()),
        (
            "providers.google.client_id",
            CALLBACK,
            "google",
            ProviderSettings { client_id: String::new(), ..google() },
        ),
        ("providers.google.scopes", CALLBACK, "google", ProviderSettings { scopes: vec![], ..google() }),
        ("providers.google.issuer", CALLBACK, "google", issuer("accounts.google.com")),
        ("providers.google.issuer", CALLBACK, "google", issuer("https://accounts.google.com?x")),
        ("providers.google.issuer", CALLBACK, "google", issuer("https://accounts.google.com#x")),
        ("providers.google.issuer", CALLBACK, "google", issuer("ftp://accounts.google.com")),
        (
            "providers.google.email_domains",
            CALLBACK,
            "google",
            ProviderSettings { email_domains: vec!["@example.com".to_owned()], ..google() },
        ),
        ("providers.github.issuer", CALLBACK, "github", github(|paths| paths.issuer.clear())),
        (
            "providers.github.issuer",
            CALLBACK,
            "github",
            github(|paths| paths.user = Url::parse("data:x").unwrap()),
        ),
    ];
    for (field, callback, name, settings) in table {
        let error = make(callback, name, settings).unwrap_err();

        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(field)));
    }
    assert!(make(CALLBACK, "google", google()).is_ok());
    assert!(make(CALLBACK, "github", github(|_| {})).is_ok());
}

#[tokio::test]
async fn an_issuer_inside_the_network_is_not_reached_unless_it_is_allowed() {
    let providers = make(
        "https://flow.example.com/callback",
        "inside",
        provider(Protocol::OpenId { issuer: "http://127.0.0.1:1".to_owned() }),
    )
    .unwrap();

    assert_eq!(providers.begin("inside", None).await.unwrap_err().kind(), ErrorKind::SignInFailed);
}
