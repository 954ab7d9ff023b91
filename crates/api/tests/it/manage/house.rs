//! A server with users of every role in two tenants, an engine, and a gate that does what it is told.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_api::{About, EnginePorts, ManageParts};
use codeflow_auth::{
    BuiltInRole, Caller, Identity, IdentityParts, IdentitySettings, NewUser, OAuth2, Origin,
    PasswordSettings, Protocol, ProviderSettings, SignInProviders, SignInSettings, SignInSources,
    SignedTokens, TokenSettings, TokenSources, Vault,
};
use codeflow_core::{ActionCall, ActionCatalog, ActionError, ActionOutcome, Clock, Ids, NoActions, Tenant};
use codeflow_engine::{ActionRunner, Engine, Parts, Silent};
use codeflow_net::{Client, Guard, Limits, NetPolicy};
use codeflow_ratelimit::{
    Decision, EndpointClass, Error as LimitsError, Gate, Limit, RuleBook, RuleKeeper, RuleStore, Rules,
    StoredRules, Verdict, Visitor,
};
use codeflow_testkit::{ManualClock, MemoryIdentity, MemoryStore, SequentialIds};
use serde_json::{Value, json};
use url::Url;

use crate::live::{Answered, Live, Setting};

pub(crate) const PASSWORD: &str = "none of the examples";

/// Answers as it is told, and remembers who came.
#[derive(Default)]
pub(crate) struct Door {
    pub(crate) enters: Mutex<VecDeque<Decision>>,
    pub(crate) admits: Mutex<VecDeque<Decision>>,
    pub(crate) came: Mutex<Vec<String>>,
}

#[async_trait]
impl Gate for Door {
    async fn enter(&self, address: IpAddr, class: EndpointClass) -> Option<Decision> {
        self.came.lock().expect("nobody panicked").push(format!("{address} {}", class.as_str()));
        self.enters.lock().expect("nobody panicked").pop_front()
    }

    async fn admit(&self, visitor: &Visitor<'_>) -> Option<Decision> {
        let Visitor { name, tier, may_bypass, class } = visitor;
        let text = format!("{name} {tier} {may_bypass} {}", class.as_str());
        self.came.lock().expect("nobody panicked").push(text);
        self.admits.lock().expect("nobody panicked").pop_front()
    }
}

/// A decision of a limit of 10 requests a minute.
pub(crate) fn decision(verdict: Verdict) -> Decision {
    let limit = Limit::per_minute("requests", NonZeroU32::new(10).expect("is more than nothing"));
    Decision { verdict, limit, remaining: 0, reset_after: Duration::from_millis(1_500) }
}

/// No actions.
pub(crate) struct Nothing;

#[async_trait]
impl ActionRunner for Nothing {
    fn catalog(&self) -> &dyn ActionCatalog {
        &NoActions
    }

    async fn run(
        &self,
        _call: ActionCall,
        _stop: tokio_util::sync::CancellationToken,
    ) -> Result<ActionOutcome, ActionError> {
        Ok(ActionOutcome::Done(json!({})))
    }
}

/// Limits in memory, or none that can be read.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Option<StoredRules>>,
    /// What it fails with, if it does.
    fails: Option<(codeflow_ratelimit::ErrorKind, &'static str)>,
}

impl Shelf {
    fn check(&self) -> Result<(), LimitsError> {
        self.fails.map_or(Ok(()), |(kind, text)| Err(LimitsError::with_source(kind, text, text)))
    }
}

#[async_trait]
impl RuleStore for Shelf {
    async fn load(&self) -> Result<Option<StoredRules>, LimitsError> {
        self.check()?;
        Ok(self.kept.lock().expect("nobody panicked").clone())
    }

    async fn save(&self, rules: Option<&Rules>, seen: u64) -> Result<u64, LimitsError> {
        self.check()?;
        let mut kept = self.kept.lock().expect("nobody panicked");
        if kept.as_ref().map_or(0, |kept| kept.version) != seen {
            return Err(LimitsError::new(codeflow_ratelimit::ErrorKind::Conflict, "they were changed"));
        }
        *kept = Some(StoredRules { version: seen + 1, rules: rules.cloned() });
        Ok(seen + 1)
    }
}

/// Limits that cannot be changed, because storage fails like this.
pub(crate) fn stuck(kind: codeflow_ratelimit::ErrorKind, text: &'static str) -> Arc<RuleKeeper> {
    let book = Arc::new(RuleBook::new(Rules::default()).expect("nothing is limited"));
    Arc::new(RuleKeeper::new(Arc::new(Shelf { fails: Some((kind, text)), ..Shelf::default() }), book))
}

/// A server and everything behind it.
pub(crate) struct House {
    pub(crate) live: Live,
    pub(crate) door: Arc<Door>,
    pub(crate) people: MemoryIdentity,
    pub(crate) identity: Arc<Identity>,
    /// The time of identity.
    pub(crate) clock: Arc<ManualClock>,
    /// An access token of each: a role, or `other`, who is the admin of another tenant.
    pub(crate) tokens: BTreeMap<&'static str, String>,
}

/// What a house is made of before it stands.
pub(crate) struct Plan {
    pub(crate) manage: ManageParts,
    door: Arc<Door>,
    people: MemoryIdentity,
    identity: Arc<Identity>,
    clock: Arc<ManualClock>,
}

impl Plan {
    pub(crate) async fn new() -> Self {
        let manual = Arc::new(ManualClock::default());
        let clock: Arc<dyn Clock> = manual.clone();
        let ids: Arc<dyn Ids> = Arc::new(SequentialIds::new());
        let people = MemoryIdentity::new();
        let vault = Arc::new(Vault::new(&[7; 32]).expect("is long enough"));
        let sources = TokenSources {
            store: Arc::new(people.clone()),
            vault: Arc::clone(&vault),
            clock: Arc::clone(&clock),
        };
        let tokens = SignedTokens::new(TokenSettings::default(), sources).expect("the settings are fine");
        let tokens = Arc::new(tokens);
        tokens.refresh().await.expect("there is a key");
        let github = Github { base: "https://github.test".to_owned(), policy: NetPolicy::default() };
        let sign_ins = sign_ins(&people, &vault, &clock, github);
        let parts = IdentityParts {
            store: Arc::new(people.clone()),
            tokens: Arc::clone(&tokens) as _,
            vault,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        };
        let cheap = PasswordSettings { memory_kib: 64, passes: 1, ..PasswordSettings::default() };
        let settings = IdentitySettings { passwords: cheap, ..IdentitySettings::default() };
        let identity = Arc::new(Identity::open(parts, settings).await.expect("the settings are fine"));
        let (store, actions) = (Arc::new(MemoryStore::new(Arc::clone(&clock))), Arc::new(Nothing));
        let parts = Parts { store, actions: actions.clone(), clock, ids, observer: Arc::new(Silent) };
        let engine = Arc::new(EnginePorts { engine: Engine::new(parts), actions });
        let book = Arc::new(RuleBook::new(Rules::default()).expect("nothing is limited"));
        let door = Arc::new(Door::default());
        let features = [("authentication".to_owned(), true)].into_iter().collect();
        let manage = ManageParts {
            authenticate: Arc::clone(&identity) as _,
            gate: Arc::clone(&door) as _,
            identity: Some(Arc::clone(&identity)),
            tokens: Some(tokens),
            sign_ins: Some(Arc::new(sign_ins)),
            limits: Some(Arc::new(RuleKeeper::new(Arc::new(Shelf::default()), book))),
            workflows: Some(Arc::clone(&engine) as _),
            executions: Some(engine),
            ..ManageParts::closed(About { version: "1.2.3".to_owned(), features })
        };
        Self { manage, door, people, identity, clock: manual }
    }

    /// With a service to sign in with that is on this machine.
    pub(crate) fn signing_in_at(mut self, address: SocketAddr) -> Self {
        let allowed_hosts = vec![address.to_string().parse().expect("is a host")];
        let policy = NetPolicy { allowed_hosts, ..NetPolicy::default() };
        let github = Github { base: format!("http://{address}"), policy };
        let vault = Arc::new(Vault::new(&[7; 32]).expect("is long enough"));
        let clock: Arc<dyn Clock> = self.clock.clone();
        self.manage.sign_ins = Some(Arc::new(sign_ins(&self.people, &vault, &clock, github)));
        self
    }

    pub(crate) async fn build(self) -> House {
        let Self { manage, door, people, identity, clock } = self;
        let mut tokens = BTreeMap::new();
        for role in BuiltInRole::ALL {
            tokens.insert(role.as_str(), token(&identity, role.as_str(), "default", role).await);
        }
        tokens.insert("other", token(&identity, "other", "other", BuiltInRole::Admin).await);
        let live = Live::with(Setting { manage, ..Setting::default() }).await;
        House { live, door, people, identity, clock, tokens }
    }
}

/// A service to sign in with, and the way to it.
struct Github {
    base: String,
    policy: NetPolicy,
}

fn sign_ins(
    people: &MemoryIdentity,
    vault: &Arc<Vault>,
    clock: &Arc<dyn Clock>,
    github: Github,
) -> SignInProviders {
    let Github { base, policy } = github;
    let url = |path: &str| Url::parse(&format!("{base}{path}")).expect("is an address");
    let protocol = Protocol::OAuth2(Box::new(OAuth2 {
        issuer: base.clone(),
        authorize: url("/authorize"),
        token: url("/token"),
        user: url("/user"),
        emails: None,
    }));
    let github = ProviderSettings {
        protocol,
        client_id: "codeflow".to_owned(),
        client_secret: Some("not told".into()),
        scopes: vec!["read:user".to_owned()],
        new_users: None,
        email_domains: Vec::new(),
    };
    let callback = Url::parse("https://flow.test/api/v1/auth/callback").expect("is an address");
    let settings =
        SignInSettings { callback, providers: [("github".to_owned(), github)].into_iter().collect() };
    let client = Client::new(Guard::new(policy), Limits::default()).expect("it can be made");
    let sources = SignInSources {
        store: Arc::new(people.clone()),
        vault: Arc::clone(vault),
        clock: Arc::clone(clock),
        client,
    };
    SignInProviders::new(settings, sources).expect("the settings are fine")
}

async fn token(identity: &Identity, name: &str, tenant: &str, role: BuiltInRole) -> String {
    use secrecy::ExposeSecret as _;

    let tenant: Tenant = tenant.parse().expect("is a name");
    let wish = NewUser {
        tenant: None,
        name: name.to_owned(),
        display_name: String::new(),
        email: None,
        password: Some(PASSWORD.into()),
        roles: vec![role.as_str().to_owned()],
        identity: None,
    };
    identity.create_user(&Caller::operator(tenant), wish).await.expect("nobody has the name");
    let ask = codeflow_auth::SignIn { name: name.to_owned(), password: PASSWORD.into(), code: None };
    let signed = identity.sign_in(ask, &Origin::default()).await.expect("the password is right");
    signed.access.token.expose_secret().to_owned()
}

impl House {
    pub(crate) async fn new() -> Self {
        Plan::new().await.build().await
    }

    /// Asks as somebody: a role, `other`, or nobody.
    pub(crate) async fn ask(&self, who: &str, first: &str, body: Option<&Value>) -> Answered {
        let bearer = self.tokens.get(who).map(|token| format!("authorization: Bearer {token}"));
        let kind = body.map(|_| "content-type: application/json".to_owned());
        let head: Vec<String> = bearer.into_iter().chain(kind).collect();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        self.live.ask(first, &head, &body.map(ToString::to_string).unwrap_or_default()).await
    }

    pub(crate) fn vault(&self) -> Vault {
        Vault::new(&[7; 32]).expect("is long enough")
    }

    /// What is kept of a recovery code.
    pub(crate) fn recovery(&self, code: &str) -> Vec<u8> {
        self.vault().digest("recovery code", code.as_bytes()).expect("it can be hashed").to_vec()
    }

    pub(crate) async fn document(&self) -> Value {
        self.ask("nobody", "GET /api/openapi.json", None).await.json()
    }
}
