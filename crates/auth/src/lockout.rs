//! What failed attempts lead to: waits that double, for each name and each address. Names that nobody has are counted
//! like the others, so that a wait does not tell who exists. Storage knows the failures of names, for all processes;
//! here are those that it was not told of yet, and those of addresses.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::Timestamp;

use crate::{Error, ErrorKind, Lockout, LockoutSettings};

/// A keyed hash of a name.
pub(crate) type NameKey = [u8; 32];

/// Says how long to wait, and counts.
pub(crate) struct Waits {
    settings: LockoutSettings,
    names: Mutex<Names>,
    addresses: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Default)]
struct Names {
    /// Rises with all that changes here: what was known before may be too little since.
    epoch: u64,
    /// Of which storage was not told.
    new: HashMap<NameKey, Failures>,
    /// Of which storage is being told.
    underway: BTreeMap<NameKey, Failures>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    at: Timestamp,
    /// How often the name had been cleared.
    clears: i64,
}

/// What is known of a name at a moment.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    failures: Failures,
    epoch: u64,
}

impl Known {
    /// Whether there is anything to forget.
    pub(crate) fn has_failures(&self) -> bool {
        self.failures.count > 0
    }

    /// Whether nothing was counted in this process since.
    pub(crate) fn is_current(&self, waits: &Waits) -> bool {
        self.epoch == waits.epoch()
    }
}

impl Waits {
    pub(crate) fn new(settings: LockoutSettings) -> Self {
        Self { settings, names: Mutex::default(), addresses: Mutex::default() }
    }

    /// That an address does not have to wait.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut).
    pub(crate) fn check_address(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Error> {
        let kept = address.and_then(|one| lock(&self.addresses).get(&network(one)).copied());
        over(kept.and_then(|kept| self.until(&kept, self.settings.free_per_address)), now)
    }

    /// That a name does not have to wait.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut).
    pub(crate) fn check(&self, known: &Known, now: Timestamp) -> Result<(), Error> {
        over(self.name_until(known), now)
    }

    /// Until when a name has to wait, be it over or not.
    pub(crate) fn name_until(&self, known: &Known) -> Option<Timestamp> {
        self.until(&known.failures, self.settings.free)
    }

    /// To be taken before storage is asked.
    pub(crate) fn epoch(&self) -> u64 {
        lock(&self.names).epoch
    }

    /// What is known of a name of which storage knows this since the epoch.
    pub(crate) fn known(&self, key: &NameKey, kept: Option<&Lockout>, at: (u64, Timestamp)) -> Known {
        let (epoch, now) = at;
        let clears = kept.map_or(0, |kept| kept.clears);
        let kept = kept.filter(|kept| kept.changed_at >= self.forgotten(now));
        let nothing = Failures { count: 0, at: Timestamp::EPOCH, clears };
        let mut failures =
            kept.map_or(nothing, |kept| Failures { count: kept.failures, at: kept.changed_at, ..nothing });
        let names = lock(&self.names);
        let here = [names.new.get(key), names.underway.get(key)].into_iter().flatten();
        here.for_each(|here| failures.join(here));
        Known { failures, epoch }
    }

    /// Counts a failure, and says how long the name has to wait now.
    pub(crate) fn failed(
        &self,
        key: &NameKey,
        known: &Known,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> Duration {
        let one = Failures { count: 1, at: now, clears: known.failures.clears };
        if let Some(address) = from {
            let one = Failures { clears: 0, ..one };
            self.add(&mut lock(&self.addresses), network(address), one, self.settings.free_per_address);
        }
        let mut names = lock(&self.names);
        names.epoch += 1;
        self.add(&mut names.new, *key, one, self.settings.free);
        self.wait(known.failures.count.saturating_add(1), self.settings.free)
    }

    /// Forgets the failures of a name of which storage was not told. Those of the address stay, or an account of one's own
    /// would clear them.
    pub(crate) fn cleared(&self, key: &NameKey) {
        let mut names = lock(&self.names);
        names.epoch += 1;
        names.new.remove(key);
    }

    /// What storage is to be told, in the order of the names. It counts here, too, until [`told`](Self::told): whoever
    /// breaks off in between tells all of it again.
    pub(crate) fn to_tell(&self, now: Timestamp) -> Vec<Lockout> {
        let oldest = self.forgotten(now);
        let mut names = lock(&self.names);
        let Names { new, underway, .. } = &mut *names;
        for (key, failures) in new.drain() {
            underway.entry(key).and_modify(|known| known.join(&failures)).or_insert(failures);
        }
        underway.retain(|_, failures| failures.at >= oldest);
        let told = underway.iter().map(|(key, failures)| Lockout {
            name: key.to_vec(),
            failures: failures.count,
            changed_at: failures.at,
            clears: failures.clears,
        });
        told.collect()
    }

    /// Storage knows all that it was to be told.
    pub(crate) fn told(&self) {
        let mut names = lock(&self.names);
        names.epoch += 1;
        names.underway.clear();
    }

    /// What changed last before this counts no more.
    pub(crate) fn forgotten(&self, now: Timestamp) -> Timestamp {
        now.before(self.settings.forgotten_after.max(self.settings.longest))
    }

    /// Of how many names storage keeps failures.
    pub(crate) fn kept(&self) -> u32 {
        self.settings.kept
    }

    fn add<K: Eq + Hash + Clone>(&self, all: &mut HashMap<K, Failures>, key: K, one: Failures, free: u32) {
        let oldest = self.forgotten(one.at);
        if all.len() >= self.settings.remembered && !all.contains_key(&key) {
            all.retain(|_, kept| kept.at >= oldest);
            self.make_room(all, free);
        }
        let kept = all.entry(key).or_insert(Failures { count: 0, ..one });
        if kept.at < oldest {
            kept.count = 0;
        }
        kept.join(&one);
    }

    /// Whoever has to wait no more, or the shortest, is forgotten first.
    fn make_room<K: Eq + Hash + Clone>(&self, all: &mut HashMap<K, Failures>, free: u32) {
        while all.len() >= self.settings.remembered.max(1) {
            let first = all.iter().min_by_key(|(_, one)| (self.until(one, free), one.at));
            let Some(first) = first.map(|(key, _)| key.clone()) else { return };
            all.remove(&first);
        }
    }

    fn until(&self, failures: &Failures, free: u32) -> Option<Timestamp> {
        let wait = self.wait(failures.count, free);
        (!wait.is_zero()).then(|| failures.at.after(wait))
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

impl Failures {
    /// Adds others. Of different lives of a name, only those of the later one count.
    fn join(&mut self, other: &Self) {
        if self.clears < other.clears {
            *self = *other;
        } else if self.clears == other.clears {
            self.count = self.count.saturating_add(other.count);
            self.at = self.at.max(other.at);
        }
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

fn over(until: Option<Timestamp>, now: Timestamp) -> Result<(), Error> {
    match until.filter(|until| now < *until) {
        None => Ok(()),
        Some(until) => {
            let text = "too many attempts failed; none is looked at for a while";
            Err(Error::new(ErrorKind::LockedOut, text).after(until.since(now)))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
