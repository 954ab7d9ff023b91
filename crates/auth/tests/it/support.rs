//! What the tests share: an installation in memory, a clock that can be interrupted, and tokens that anybody could make.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_auth::{
    Authenticate, Caller, Claims, Error, ErrorKind, Identity, IdentityParts, IdentitySettings, IssuedToken,
    LockoutStore, NewUser, Origin, Page, PasswordSettings, SignIn, SignedIn, Store, TokenSubject, Tokens,
    User, Vault,
};
use codeflow_core::{Clock, Tenant, Timestamp};
use codeflow_testkit::{ManualClock, MemoryIdentity, SequentialIds};
use secrecy::{ExposeSecret, SecretString};

pub(crate) const PASSWORD: &str = "a long enough password";
pub(crate) const SECRET: [u8; 32] = [7; 32];

type Happening = Box<dyn FnOnce() + Send>;

/// A clock at which something can happen when somebody looks.
#[derive(Default)]
pub(crate) struct TestClock {
    pub(crate) time: ManualClock,
    next: Mutex<Option<(u32, Happening)>>,
}

impl TestClock {
    /// Does something when somebody looks, after so many others did.
    pub(crate) fn after_looks(&self, looks: u32, what: impl FnOnce() + Send + 'static) {
        *self.next.lock().unwrap() = Some((looks, Box::new(what)));
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.time.advance(by);
    }

    /// The time in so many seconds.
    pub(crate) fn time_after(&self, seconds: u64) -> Timestamp {
        self.time.now().after(Duration::from_secs(seconds))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let next = self.next.lock().unwrap().take();
        match next {
            Some((0, what)) => what(),
            Some((looks, what)) => *self.next.lock().unwrap() = Some((looks - 1, what)),
            None => {}
        }
        self.time.now()
    }
}

/// Tokens that say in plain text what they claim.
pub(crate) struct PlainTokens(pub(crate) Arc<TestClock>);

#[async_trait]
impl Tokens for PlainTokens {
    async fn issue(&self, subject: &TokenSubject) -> Result<IssuedToken, Error> {
        let now = self.0.time.now();
        let TokenSubject { user, tenant, login } = subject;
        let token = format!("plain {user} {tenant} {login} {}", now.micros()).into();
        Ok(IssuedToken { token, expires_at: now.after(Duration::from_secs(900)) })
    }

    async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let malformed = || Error::new(ErrorKind::MalformedCredential, "this is no token");
        let parts: Vec<&str> = token.split(' ').collect();
        let ["plain", user, tenant, login, micros] = parts[..] else { return Err(malformed()) };
        let subject = TokenSubject {
            user: user.parse().map_err(|_| malformed())?,
            tenant: tenant.parse().map_err(|_| malformed())?,
            login: login.parse().map_err(|_| malformed())?,
        };
        let issued_at = Timestamp::from_micros(micros.parse().map_err(|_| malformed())?);
        let expires_at = issued_at.after(Duration::from_secs(900));
        if expires_at <= self.0.time.now() {
            return Err(Error::new(ErrorKind::ExpiredToken, "the token is over"));
        }
        Ok(Claims { subject, issued_at, expires_at })
    }
}

/// An installation.
pub(crate) struct World {
    pub(crate) store: MemoryIdentity,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) ids: Arc<SequentialIds>,
    pub(crate) identity: Arc<Identity>,
}

/// Hashes that cost nothing.
pub(crate) fn cheap() -> IdentitySettings {
    let passwords = PasswordSettings { memory_kib: 8, passes: 1, lanes: 1, at_once: 2, waiting: 32 };
    IdentitySettings { passwords, ..IdentitySettings::default() }
}

pub(crate) async fn world() -> World {
    world_with(cheap()).await
}

pub(crate) async fn world_with(settings: IdentitySettings) -> World {
    world_of(settings, ManualClock::default()).await
}

pub(crate) async fn world_at(now: Timestamp) -> World {
    world_of(cheap(), ManualClock::at(now)).await
}

async fn world_of(settings: IdentitySettings, time: ManualClock) -> World {
    let clock = Arc::new(TestClock { time, ..TestClock::default() });
    let (store, ids) = (MemoryIdentity::new(), Arc::default());
    let identity = open(&store, &clock, &ids, settings).await.unwrap();
    World { store, clock, ids, identity: Arc::new(identity) }
}

pub(crate) async fn open(
    store: &MemoryIdentity,
    clock: &Arc<TestClock>,
    ids: &Arc<SequentialIds>,
    settings: IdentitySettings,
) -> Result<Identity, Error> {
    open_over(Arc::new(store.clone()), clock, ids, settings).await
}

pub(crate) async fn open_over(
    store: Arc<dyn Store>,
    clock: &Arc<TestClock>,
    ids: &Arc<SequentialIds>,
    settings: IdentitySettings,
) -> Result<Identity, Error> {
    let parts = IdentityParts {
        store,
        tokens: Arc::new(PlainTokens(Arc::clone(clock))),
        vault: Arc::new(Vault::new(&SECRET).unwrap()),
        clock: Arc::clone(clock) as _,
        ids: Arc::clone(ids) as _,
    };
    Identity::open(parts, settings).await
}

impl World {
    /// Another process of the same installation.
    pub(crate) async fn other(&self, settings: IdentitySettings) -> Arc<Identity> {
        Arc::new(open(&self.store, &self.clock, &self.ids, settings).await.unwrap())
    }

    /// Whoever may do everything.
    pub(crate) fn operator(&self) -> Caller {
        Caller::operator(Tenant::default())
    }

    pub(crate) async fn user(&self, name: &str, roles: &[&str]) -> User {
        self.user_of(Tenant::DEFAULT, name, roles).await
    }

    pub(crate) async fn user_of(&self, tenant: &str, name: &str, roles: &[&str]) -> User {
        let wish = NewUser { tenant: Some(tenant.parse().unwrap()), ..wish(name, roles) };
        self.identity.create_user(&self.operator(), wish).await.unwrap()
    }

    pub(crate) async fn try_sign_in(&self, name: &str, password: &str) -> Result<SignedIn, Error> {
        self.identity.sign_in(ask(name, password), &Origin::default()).await
    }

    pub(crate) async fn sign_in(&self, name: &str) -> SignedIn {
        self.try_sign_in(name, PASSWORD).await.unwrap()
    }

    /// A user with these roles that has signed in.
    pub(crate) async fn caller(&self, name: &str, roles: &[&str]) -> Caller {
        self.user(name, roles).await;
        self.caller_of(&self.sign_in(name).await).await.unwrap()
    }

    pub(crate) async fn caller_of(&self, signed_in: &SignedIn) -> Result<Caller, Error> {
        self.caller_with(signed_in.access.token.expose_secret()).await
    }

    pub(crate) async fn caller_with(&self, credential: &str) -> Result<Caller, Error> {
        let principal = self.identity.authenticate(credential).await?;
        Ok(Caller { principal, origin: Origin::default() })
    }

    /// How many failures storage knows of under a name.
    pub(crate) async fn failures(&self, name: &str) -> u32 {
        let key = Vault::new(&SECRET).unwrap().digest("failed attempts", name.as_bytes()).unwrap();
        self.store.find_lockout(&key).await.unwrap().map_or(0, |kept| kept.failures)
    }

    /// The actions of the audit log, the oldest first.
    pub(crate) async fn actions(&self) -> Vec<String> {
        self.identity.flush().await.unwrap();
        let all = Page { after: None, limit: 1_000 };
        let entries = self.identity.list_audit(&self.operator(), Default::default(), all).await.unwrap();
        entries.into_iter().map(|entry| entry.event.action).collect()
    }
}

pub(crate) fn wish(name: &str, roles: &[&str]) -> NewUser {
    NewUser {
        name: name.to_owned(),
        password: Some(PASSWORD.into()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..NewUser::default()
    }
}

pub(crate) fn ask(name: &str, password: &str) -> SignIn {
    SignIn { name: name.to_owned(), password: password.into(), code: None }
}

pub(crate) fn secret(text: &str) -> SecretString {
    text.into()
}

pub(crate) fn page<K>() -> Page<K> {
    Page { after: None, limit: 100 }
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Ok(_) => panic!("this was expected to be refused"),
        Err(error) => error.kind(),
    }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
