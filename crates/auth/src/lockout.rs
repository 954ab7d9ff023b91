//! What failed attempts lead to: waits that double, for each account and each address. Names that nobody has are counted
//! like the others, so that a wait does not tell who exists.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::Timestamp;

use crate::{Error, ErrorKind, LockoutSettings, User};

/// Counts failures in memory. What it knows of accounts is written to storage by whoever asks for [`Lockout::unsaved`].
pub(crate) struct Lockout {
    settings: LockoutSettings,
    names: Mutex<HashMap<String, Failures>>,
    addresses: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    unsaved: u32,
    at: Timestamp,
    until: Timestamp,
}

/// Failures of an account that storage does not know yet.
#[derive(Clone, Debug)]
pub(crate) struct Unsaved {
    pub(crate) name: String,
    pub(crate) count: u32,
    pub(crate) until: Timestamp,
}

impl Lockout {
    pub(crate) fn new(settings: LockoutSettings) -> Self {
        Self { settings, names: Mutex::default(), addresses: Mutex::default() }
    }

    /// That neither the account nor the address has to wait.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut).
    pub(crate) fn check(&self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Result<(), Error> {
        let name = lock(&self.names).get(name).map(|failures| failures.until);
        let address = address.and_then(|one| lock(&self.addresses).get(&network(one)).map(|kept| kept.until));
        match name.max(address) {
            Some(until) if now < until => Err(locked_out(until.since(now))),
            _ => Ok(()),
        }
    }

    /// That the account does not have to wait for failures that another process saw.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut).
    pub(crate) fn check_user(&self, user: Option<&User>, now: Timestamp) -> Result<(), Error> {
        match user.and_then(|user| user.locked_until) {
            Some(until) if now < until => Err(locked_out(until.since(now))),
            _ => Ok(()),
        }
    }

    /// Counts a failure, and says how long the account has to wait now.
    pub(crate) fn failed(
        &self,
        about: (&str, Option<&User>),
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Duration {
        let (name, user) = about;
        if let Some(address) = from {
            let free = self.settings.free_per_address;
            self.count(&mut lock(&self.addresses), network(address), (0, free), now);
        }
        let saved = user.map_or(0, |user| self.saved(user, now));
        self.count(&mut lock(&self.names), name.to_owned(), (saved, self.settings.free), now)
    }

    /// Forgets the failures of an account. Those of the address stay, or an account of one's own would clear them.
    pub(crate) fn succeeded(&self, name: &str) {
        lock(&self.names).remove(name);
    }

    /// What storage does not know yet; it counts as known from now on.
    pub(crate) fn unsaved(&self) -> Vec<Unsaved> {
        let mut names = lock(&self.names);
        let new = names.iter_mut().filter(|(_, failures)| failures.unsaved > 0);
        new.map(|(name, failures)| {
            let count = std::mem::take(&mut failures.unsaved);
            Unsaved { name: name.clone(), count, until: failures.until }
        })
        .collect()
    }

    /// Storage does not know of these after all.
    pub(crate) fn keep_unsaved(&self, unsaved: &[Unsaved]) {
        let mut names = lock(&self.names);
        for one in unsaved {
            if let Some(failures) = names.get_mut(&one.name) {
                failures.unsaved = failures.unsaved.saturating_add(one.count);
            }
        }
    }

    /// How many failures storage knows of that are not forgotten.
    pub(crate) fn saved(&self, user: &User, now: Timestamp) -> u32 {
        let over = |until: Timestamp| now.since(until) > self.settings.forgotten_after;
        if user.locked_until.is_some_and(over) { 0 } else { user.failures }
    }

    fn count<K: Eq + Hash + Clone>(
        &self,
        all: &mut HashMap<K, Failures>,
        key: K,
        known: (u32, u32),
        now: Timestamp,
    ) -> Duration {
        let (saved, free) = known;
        let is_over = |one: &Failures| now.since(one.until) > self.settings.forgotten_after;
        if all.len() >= self.settings.remembered && !all.contains_key(&key) {
            all.retain(|_, one| !is_over(one));
            make_room(all, self.settings.remembered);
        }
        let before = all.get(&key).copied().filter(|one| !is_over(one));
        let count = before.map_or(0, |one| one.count).max(saved).saturating_add(1);
        let unsaved = before.map_or(0, |one| one.unsaved).saturating_add(1);
        let wait = self.wait(count, free);
        all.insert(key, Failures { count, unsaved, at: now, until: now.after(wait) });
        wait
    }

    fn wait(&self, count: u32, free: u32) -> Duration {
        match count.checked_sub(free) {
            None | Some(0) => Duration::ZERO,
            Some(beyond) => {
                let times = 2_u32.saturating_pow(beyond - 1);
                self.settings.first.saturating_mul(times).min(self.settings.longest)
            }
        }
    }
}

/// Whoever failed longest ago is forgotten first.
fn make_room<K: Eq + Hash + Clone>(all: &mut HashMap<K, Failures>, most: usize) {
    while all.len() >= most.max(1) {
        let oldest = all.iter().min_by_key(|(_, one)| (one.until, one.at)).map(|(key, _)| key.clone());
        let Some(oldest) = oldest else { return };
        all.remove(&oldest);
    }
}

/// An address of version 6 is one of 2^64 that a single client may have.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

fn locked_out(wait: Duration) -> Error {
    let text = "too many attempts failed; none is looked at for a while";
    Error::new(ErrorKind::LockedOut, text).after(wait)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
