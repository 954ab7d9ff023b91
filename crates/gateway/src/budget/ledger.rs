//! What this process has of each budget, in memory: its slice, what calls in flight hold of it, and what was spent and
//! is not written yet. Plain arithmetic: no clock, no storage, no waiting.

mod account;
mod batch;

use std::collections::HashMap;

use codeflow_core::{Timestamp, Usd};

use super::{BudgetKey, BudgetRule, Ended, Period};
use crate::Recall;
use account::Account;

pub(crate) use batch::{Call, Sent};

/// Names an account for as long as something refers to it.
pub(crate) type Slot = u32;

/// The accounts of this process. They come with the first call and go when nothing uses them for a while.
#[derive(Default)]
pub(crate) struct Ledger {
    accounts: Vec<Option<Account>>,
    vacant: Vec<Slot>,
    by_key: HashMap<BudgetKey, Slot>,
    dirty: Vec<Slot>,
    /// Goes up when the session is lost, and with it all that was held in its name.
    generation: u64,
}

impl Ledger {
    /// The account of a budget.
    pub(crate) fn slot(&mut self, key: BudgetKey, rule: &BudgetRule) -> Slot {
        if let Some(slot) = self.by_key.get(&key) {
            let slot = *slot;
            self.account(slot).limit = rule.limit;
            return slot;
        }
        let account = Account::new(key.clone(), rule);
        let slot = self.vacant.pop().unwrap_or_else(|| {
            self.accounts.push(None);
            Slot::try_from(self.accounts.len() - 1).unwrap_or(Slot::MAX)
        });
        self.accounts[slot as usize] = Some(account);
        self.by_key.insert(key, slot);
        slot
    }

    /// Takes an estimate from every account, or from none.
    pub(crate) fn take(&mut self, slots: &[Slot], estimate: Usd, now: Timestamp) -> bool {
        let room = slots.iter().all(|slot| {
            let account = self.account(*slot);
            account.waiting == 0 && account.has(estimate)
        });
        if room {
            self.hold(slots, estimate, now);
        }
        room
    }

    fn hold(&mut self, slots: &[Slot], estimate: Usd, now: Timestamp) {
        for slot in slots {
            let account = self.account(*slot);
            account.held += estimate;
            account.holds += 1;
            account.usual = estimate;
            account.used = now;
            self.touch(*slot);
        }
    }

    /// Ends what a call held, and notes what it cost. What was held in the name of a lost session is paid already, at
    /// its estimate, so that only what exceeds it is owed.
    pub(crate) fn settle(&mut self, ended: &Ended) {
        let stale = ended.generation != self.generation;
        for slot in &ended.slots {
            let account = self.account(*slot);
            account.holds = account.holds.saturating_sub(1);
            if stale {
                account.pending += ended.cost.saturating_sub(ended.estimate);
            } else {
                account.held = account.held.saturating_sub(ended.estimate);
                account.pending += ended.cost;
            }
            self.touch(*slot);
        }
    }

    /// An account that cannot cover an estimate, whatever others give back: its budget is spent.
    pub(crate) fn spent(&mut self, slots: &[Slot], estimate: Usd) -> Option<Slot> {
        slots.iter().copied().find(|slot| {
            let account = self.account(*slot);
            account.limit.saturating_sub(account.spent) < estimate
        })
    }

    /// Counts a call that waits for slices.
    pub(crate) fn queue(&mut self, slots: &[Slot]) {
        for slot in slots {
            self.account(*slot).waiting += 1;
        }
    }

    /// Counts it no more.
    pub(crate) fn unqueue(&mut self, slots: &[Slot]) {
        for slot in slots {
            let account = self.account(*slot);
            account.waiting = account.waiting.saturating_sub(1);
        }
    }

    /// The budget behind a slot.
    pub(crate) fn key(&mut self, slot: Slot) -> (BudgetKey, Period, Usd) {
        let account = self.account(slot);
        (account.key.clone(), account.period, account.limit)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is something to write.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether there is any account, and so perhaps a slice.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Gives up the slices that nothing has used since `before`.
    pub(crate) fn retire(&mut self, before: Timestamp) {
        for slot in 0..self.accounts.len() {
            let Some(account) = &mut self.accounts[slot] else { continue };
            if account.is_idle() && account.used <= before {
                account.retire = true;
                self.touch(Slot::try_from(slot).unwrap_or(Slot::MAX));
            }
        }
    }

    /// Notes that others want back what this process does not use of a budget.
    pub(crate) fn recall(&mut self, recall: &Recall) {
        let is_it = |account: &Account| {
            let key = &account.key;
            key.since == recall.since
                && *key.rule == *recall.rule
                && *key.tenant == *recall.tenant
                && key.subject() == recall.subject
        };
        let found = self.accounts.iter().position(|account| account.as_ref().is_some_and(is_it));
        if let Some(slot) = found.and_then(|slot| Slot::try_from(slot).ok()) {
            let account = self.account(slot);
            account.recall = account.recall.max(recall.number);
            self.touch(slot);
        }
    }

    fn touch(&mut self, slot: Slot) {
        let account = self.account(slot);
        if !account.dirty {
            account.dirty = true;
            self.dirty.push(slot);
        }
    }

    fn account(&mut self, slot: Slot) -> &mut Account {
        self.accounts[slot as usize].as_mut().expect("an account stays while something refers to its slot")
    }
}
