//! An installation, an issuer, and a browser between them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use codeflow_auth::{
    BegunSignIn, Error, FinishedSignIn, NewUsers, OAuth2, Protocol, ProviderSettings, SignInAnswer,
    SignInProviders, SignInSettings, SignInSources, Vault,
};
use codeflow_core::{Clock, Tenant};
use codeflow_net::{Client, Guard, Limits, NetPolicy};
use codeflow_testkit::ManualClock;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::issuer::{Issuer, Lies};
use crate::kept::Kept;

pub(super) const CLIENT_ID: &str = "codeflow-here";
pub(super) const CLIENT_SECRET: &str = "a secret of the client";

/// One installation and the issuer that it knows as `local`, and as `plain` without OpenID.
pub(super) struct World {
    pub(super) kept: Arc<Kept>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) issuer: Issuer,
    pub(super) providers: SignInProviders,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::lying(Lies::default()).await
    }

    pub(super) async fn lying(lies: Lies) -> Self {
        Self::with(lies, |_| {}).await
    }

    pub(super) async fn with(lies: Lies, change: impl Fn(&mut ProviderSettings)) -> Self {
        let (kept, clock) = (Arc::<Kept>::default(), Arc::new(ManualClock::default()));
        let issuer = Issuer::start(clock.now().micros() / 1_000_000, lies).await;
        let mut providers = BTreeMap::new();
        for (name, protocol) in
            [("local", open_id(&issuer)), ("other", open_id(&issuer)), ("plain", plain(&issuer))]
        {
            let mut settings = provider(protocol);
            change(&mut settings);
            providers.insert(name.to_owned(), settings);
        }
        let settings =
            SignInSettings { callback: Url::parse("https://flow.example.com/callback/").unwrap(), providers };
        let sources = SignInSources {
            store: kept.clone(),
            vault: Arc::new(Vault::new(b"a secret of an installation for tests").unwrap()),
            clock: Arc::clone(&clock) as _,
            client: client(&issuer),
        };
        let providers = SignInProviders::new(settings, sources).unwrap();
        Self { kept, clock, issuer, providers }
    }

    /// The whole way.
    pub(super) async fn sign_in(&self, provider: &str) -> Result<FinishedSignIn, Error> {
        let begun = self.providers.begin(provider, Some("/runs?page=2#top")).await?;
        let answer = self.say_yes(&begun).await;
        self.providers.finish(provider, &answer).await
    }

    /// The browser goes to the issuer, where somebody says yes, and comes back.
    pub(super) async fn say_yes(&self, begun: &BegunSignIn) -> SignInAnswer {
        let location = location(&begun.url).await;
        let query: HashMap<String, String> = location.query_pairs().into_owned().collect();
        assert!(location.as_str().starts_with("https://flow.example.com/callback/"));
        SignInAnswer {
            state: query["state"].clone(),
            code: query.get("code").cloned(),
            error: None,
            iss: query.get("iss").cloned(),
            browser: begun.browser.expose_secret().to_owned(),
        }
    }
}

pub(super) fn client(issuer: &Issuer) -> Client {
    let allowed = vec![issuer.address.to_string().parse().unwrap()];
    let policy = NetPolicy { allowed_hosts: allowed, ..NetPolicy::default() };
    Client::new(Guard::new(policy), Limits::default()).unwrap()
}

pub(super) fn open_id(issuer: &Issuer) -> Protocol {
    Protocol::OpenId { issuer: issuer.url() }
}

fn plain(issuer: &Issuer) -> Protocol {
    let url = |path: &str| Url::parse(&format!("{}{path}", issuer.url())).unwrap();
    Protocol::OAuth2(Box::new(OAuth2 {
        issuer: issuer.url(),
        authorize: url("/authorize"),
        token: url("/plain/token"),
        user: url("/plain/user"),
        emails: Some(url("/plain/emails")),
    }))
}

pub(super) fn provider(protocol: Protocol) -> ProviderSettings {
    ProviderSettings {
        protocol,
        client_id: CLIENT_ID.to_owned(),
        client_secret: Some(CLIENT_SECRET.to_owned().into()),
        scopes: vec!["openid".to_owned(), "email".to_owned()],
        new_users: Some(NewUsers { tenant: Tenant::default(), roles: vec!["viewer".to_owned()] }),
        email_domains: Vec::new(),
    }
}

/// Where a page sends the browser.
async fn location(url: &str) -> Url {
    let url = Url::parse(url).unwrap();
    let address = (url.host_str().unwrap(), url.port().unwrap());
    let mut stream = TcpStream::connect(address).await.unwrap();
    let path = &url[url::Position::BeforePath..];
    let request = format!("GET {path} HTTP/1.1\r\nhost: issuer\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let to = answer.lines().find_map(|line| line.strip_prefix("location: "));
    Url::parse(to.expect("the issuer sends the browser back")).unwrap()
}
