//! Passwords: what they have to be, and their hashes with Argon2id, computed away from the reactor, a few at a time.
//! They are hashed as the bytes of UTF-8 that were sent: nothing normalises them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, ErrorKind, PasswordSettings, Vault};

const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// What is wrong with a new password, if anything is.
pub(crate) fn problem(password: &SecretString, name: &str) -> Option<&'static str> {
    let text = password.expose_secret();
    if !(SHORTEST..=LONGEST).contains(&text.chars().count()) {
        return Some("a password has 12 to 256 characters");
    }
    if text.chars().any(char::is_control) {
        return Some("a password has no control characters");
    }
    if text.to_lowercase() == name.to_lowercase() {
        return Some("a password is not the name");
    }
    None
}

/// Computes hashes.
pub(crate) struct Passwords {
    params: Params,
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    done: Arc<Done>,
    nobodys: String,
}

/// What was done since the start.
#[derive(Default)]
struct Done {
    /// How many hashes were computed.
    hashes: AtomicU64,
    /// How much memory they filled, in KiB, each pass counted.
    work: AtomicU64,
    /// The most that verifying one took: all others take as much.
    most: AtomicU64,
}

/// A place in the queue for work on passwords.
pub(crate) struct Ticket(#[expect(dead_code, reason = "it is held, not read")] OwnedSemaphorePermit);

impl Passwords {
    /// Computes one hash already: the one that is verified for names that nobody has.
    pub(crate) async fn new(settings: &PasswordSettings) -> Result<Self, Error> {
        let fault =
            |cause| Error::with_source(ErrorKind::InvalidInput, "no such parameters for Argon2id", cause);
        let params =
            Params::new(settings.memory_kib, settings.passes, settings.lanes, None).map_err(fault)?;
        let at_once = settings.at_once.max(1);
        let mut passwords = Self {
            params,
            room: Arc::new(Semaphore::new(at_once + settings.waiting)),
            turns: Arc::new(Semaphore::new(at_once)),
            done: Arc::default(),
            nobodys: String::new(),
        };
        let chance = Vault::random::<16>()?;
        let ticket = passwords.admit()?;
        passwords.nobodys = passwords.hash(&ticket, &hexed(&chance).into()).await?;
        Ok(passwords)
    }

    /// How many hashes were computed.
    pub(crate) fn computed(&self) -> u64 {
        self.done.hashes.load(Ordering::Relaxed)
    }

    /// How much memory they filled, in KiB, each pass counted.
    pub(crate) fn work(&self) -> u64 {
        self.done.work.load(Ordering::Relaxed)
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when it is full.
    pub(crate) fn admit(&self) -> Result<Ticket, Error> {
        let full = |_| {
            let text = "too many sign-ins wait already";
            Error::new(ErrorKind::Unavailable, text).after(Duration::from_secs(1))
        };
        Arc::clone(&self.room).try_acquire_owned().map(Ticket).map_err(full)
    }

    /// The hash of a password, in PHC format.
    pub(crate) async fn hash(&self, ticket: &Ticket, password: &SecretString) -> Result<String, Error> {
        let salt = Vault::random::<16>()?;
        let argon = self.argon();
        let (password, work) = (password.clone(), work_of(&self.params));
        self.compute(ticket, move |done| {
            done.count(work);
            let hash: PasswordHash =
                argon.hash_password_with_salt(password.expose_secret().as_bytes(), &salt)?;
            Ok(hash.to_string())
        })
        .await?
        .map_err(|cause: argon2::password_hash::Error| {
            Error::with_source(ErrorKind::Internal, "a password cannot be hashed", cause)
        })
    }

    /// Whether the password has this hash. Without a hash it has not. Finding out is the same work in either case, and with
    /// whatever parameters the hash was made: what a cheaper one saves is spent on nothing. Only the first hash of a process
    /// that costs more than all before shows that, once.
    pub(crate) async fn verify(
        &self,
        ticket: &Ticket,
        password: &SecretString,
        hash: Option<&str>,
    ) -> Result<bool, Error> {
        // One that is too long costs a guesser as much as any other.
        let hash = hash.filter(|_| password.expose_secret().chars().count() <= LONGEST);
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobodys).to_owned();
        let (argon, params) = (self.argon(), self.params.clone());
        let password = password.clone();
        let proven = self
            .compute(ticket, move |done| {
                let password = password.expose_secret().as_bytes();
                let work = params_of(&hash).map_or(0, |params| work_of(&params));
                done.count(work);
                let proven = PasswordVerifier::<str>::verify_password(&argon, password, &hash).is_ok();
                let usual = work.max(work_of(&params));
                let most = done.most.fetch_max(usual, Ordering::Relaxed).max(usual);
                spend(most - work, &params, done);
                proven
            })
            .await?;
        Ok(proven && known)
    }

    /// Whether a hash was made with other parameters than those that hold now, so that it is to be made again.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        params_of(hash).is_none_or(|params| {
            params.m_cost() < self.params.m_cost()
                || params.t_cost() < self.params.t_cost()
                || params.p_cost() < self.params.p_cost()
        })
    }

    fn argon(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    /// The turn goes into the work: whoever stops waiting does not end it, and must not let another begin.
    async fn compute<T, F>(&self, _ticket: &Ticket, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Done) -> T + Send + 'static,
    {
        let over = |_| Error::new(ErrorKind::Unavailable, "the process ends");
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(over)?;
        let done = Arc::clone(&self.done);
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&done)
        });
        let broken =
            |cause| Error::with_source(ErrorKind::Internal, "the work on a password broke off", cause);
        working.await.map_err(broken)
    }
}

impl Done {
    fn count(&self, work: u64) {
        self.hashes.fetch_add(1, Ordering::Relaxed);
        self.work.fetch_add(work, Ordering::Relaxed);
    }
}

/// The parameters of a hash, if it is one.
fn params_of(hash: &str) -> Option<Params> {
    PasswordHash::new(hash).ok().and_then(|hash| Params::try_from(&hash).ok())
}

/// What a hash with these parameters fills, in KiB, each pass counted.
fn work_of(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// Fills about as many KiB as are left over, in no more memory than the usual hash takes. Less than the least hash fills
/// is not worth one.
fn spend(left: u64, usual: &Params, done: &Done) {
    let passes = left.div_ceil(u64::from(usual.m_cost())).max(1);
    let numbers = (u32::try_from(left / passes), u32::try_from(passes));
    let (Ok(memory), Ok(passes)) = numbers else { return };
    let Ok(params) = Params::new(memory, passes, 1, None) else { return };
    done.count(work_of(&params));
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut nothing = [0; 32];
    // Nobody asks what it is: there is nothing to do about a failure.
    argon.hash_password_into(b"nobody's password", &[0; 16], &mut nothing).ok();
    std::hint::black_box(nothing);
}

/// Bytes in hexadecimal digits.
pub(crate) fn hexed(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
