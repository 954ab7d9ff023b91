//! Limits that several processes share, in memory: small enough to be read as what they mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use codeflow_core::Clock;
use codeflow_ratelimit::{Error, ErrorKind, LeaseReply, LeaseRequest, SharedLimits};

/// How long a lease is kept for whoever has it, in microseconds.
const KEPT: u64 = 2_000_000;

/// The count of limits, which can be away.
pub struct MemoryLimits {
    clock: Arc<dyn Clock>,
    model: Mutex<Model>,
}

#[derive(Default)]
struct Model {
    subjects: HashMap<(String, &'static str), Subject>,
    is_away: bool,
    calls: u64,
}

/// What a subject owes, in parts of which one unit has as many as the window has microseconds.
#[derive(Default)]
struct Subject {
    debt: u128,
    at: u64,
    last: u64,
    leases: BTreeMap<u64, (u32, u64)>,
}

impl MemoryLimits {
    /// Nobody owes anything.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, model: Mutex::default() }
    }

    /// From here on it answers, or it does not.
    pub fn set_away(&self, is_away: bool) {
        self.open().is_away = is_away;
    }

    /// Forgets everything, as a server does that keeps nothing on a disk.
    pub fn forget(&self) {
        self.open().subjects.clear();
    }

    /// How many limits were asked for, and reports made.
    pub fn calls(&self) -> u64 {
        self.open().calls
    }

    /// Answers a request at a moment, in microseconds since 1970.
    pub fn lease_at(&self, request: &LeaseRequest, now: u64) -> LeaseReply {
        let mut model = self.open();
        model.calls += 1;
        let key = (request.subject.clone(), request.limit.name);
        model.subjects.entry(key).or_default().lease(request, now)
    }

    fn open(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject {
    fn lease(&mut self, request: &LeaseRequest, now: u64) -> LeaseReply {
        let LeaseRequest { limit, report, cost, surplus, .. } = request;
        let weight = limit.window.as_micros();
        let at = self.at.max(now);
        let paid = u128::from(at - self.at) * u128::from(limit.quota.get());
        self.debt = self.debt.saturating_sub(paid);
        self.at = at;

        // Who is gone has used its lease.
        let over = self.leases.extract_if(.., |_, (_, until)| *until <= at);
        self.debt += over.map(|(_, (units, _))| u128::from(units) * weight).sum::<u128>();
        let unknown = report.lease != 0 && self.leases.remove(&report.lease).is_none();
        let used = match report.used {
            used if unknown && used > 0 => (used - i64::from(report.held)).max(0),
            used => used,
        };
        let units = u128::from(used.unsigned_abs()) * weight;
        self.debt = if used < 0 { self.debt.saturating_sub(units) } else { self.debt + units };

        let leased: u128 = self.leases.values().map(|(units, _)| u128::from(*units) * weight).sum();
        let capacity = u128::from(limit.burst.get()) * weight;
        let need = u128::from(*cost) * weight;
        let is_taken = *cost == 0 || self.debt + leased + need <= capacity;
        if is_taken {
            self.debt += need;
        }
        let free = (capacity.saturating_sub(self.debt + leased) / weight) as u32;
        let surplus = if is_taken { free.min(*surplus) } else { 0 };
        let lease = if surplus > 0 { at.max(self.last + 1) } else { 0 };
        if surplus > 0 {
            self.last = lease;
            self.leases.insert(lease, (surplus, at + KEPT));
        }
        let owed = self.debt + leased;
        LeaseReply { is_taken, surplus, lease, owed: ((owed / weight) as u64, (owed % weight) as u64), at }
    }
}

#[async_trait]
impl SharedLimits for MemoryLimits {
    async fn lease(&self, requests: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error> {
        self.reach().await?;
        let now = u64::try_from(self.clock.now().micros()).unwrap_or_default();
        Ok(requests.iter().map(|request| self.lease_at(request, now)).collect())
    }

    async fn reach(&self) -> Result<(), Error> {
        match self.open().is_away {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::Unavailable, "the count is away")),
        }
    }
}
