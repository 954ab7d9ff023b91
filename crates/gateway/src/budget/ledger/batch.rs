//! What goes from the ledger to storage, and what comes back.

use std::collections::HashMap;

use codeflow_core::{Timestamp, Usd};

use super::{Ledger, Slot};
use crate::budget::{Answer, Entry, Outcome};

/// A batch has at most this many entries; the others wait for the next.
const MOST: usize = 1_000;

/// What a call needs that waits for slices to grow.
pub(crate) struct Call {
    pub(crate) slots: Vec<Slot>,
    pub(crate) estimate: Usd,
}

/// What an entry in flight says.
pub(crate) struct Sent {
    slot: Slot,
    spent: Usd,
    held: Usd,
    need: Usd,
    answers: i64,
}

/// What calls that wait want of one account.
#[derive(Clone, Copy, Default)]
struct Want {
    /// What is free and not promised to one of them yet.
    free: Usd,
    /// What the first is short of.
    need: Usd,
    /// What all are short of.
    asks: Usd,
    /// What all will hold.
    holds: Usd,
}

impl Ledger {
    /// What there is to say to storage. What is given back is gone from here on; everything else changes only with
    /// the answer.
    pub(crate) fn compose<'a>(&mut self, calls: impl Iterator<Item = &'a Call>) -> (Vec<Sent>, Vec<Entry>) {
        let wants = self.wants(calls);
        for slot in wants.keys() {
            self.touch(*slot);
        }
        let rest = self.dirty.split_off(self.dirty.len().min(MOST));
        let slots = std::mem::replace(&mut self.dirty, rest);
        let entries = slots.into_iter().map(|slot| self.entry(slot, wants.get(&slot).copied()));
        entries.unzip()
    }

    fn wants<'a>(&mut self, calls: impl Iterator<Item = &'a Call>) -> HashMap<Slot, Want> {
        let mut wants: HashMap<Slot, Want> = HashMap::new();
        for call in calls {
            for slot in &call.slots {
                let account = self.account(*slot);
                let free = if account.gives_back() { Usd::ZERO } else { account.free() };
                let want = wants.entry(*slot).or_insert(Want { free, ..Want::default() });
                let short = call.estimate.saturating_sub(want.free);
                want.free = want.free.saturating_sub(call.estimate);
                want.asks += short;
                want.holds += call.estimate;
                if want.need == Usd::ZERO {
                    want.need = short;
                }
            }
        }
        wants
    }

    fn entry(&mut self, slot: Slot, want: Option<Want>) -> (Sent, Entry) {
        let account = self.account(slot);
        account.dirty = false;
        account.retire &= account.is_idle();
        let back = if account.gives_back() { account.free() } else { Usd::ZERO };
        let spent = account.pending;
        let shrink = spent.saturating_sub(account.debt()) + back;
        account.slice = account.slice.saturating_sub(back);
        let want = want.unwrap_or_default();
        let is_low = account.free() < Usd::from_micros(account.enough().micros() / 2);
        let grows = account.waiting > 0 || (is_low && account.holds > 0 && !account.gives_back());
        let entry = Entry {
            key: account.key.clone(),
            limit: account.limit,
            fresh: account.fresh,
            spent,
            shrink,
            // Those that are about to be admitted are told beforehand, so that storage knows of them if we die.
            held: account.held + want.holds,
            need: want.need,
            asks: want.asks,
            spare: if grows { account.enough().saturating_sub(account.free()) } else { Usd::ZERO },
            asked: account.asked,
            answers: account.recall,
            retire: account.retire,
        };
        let sent = Sent { slot, spent, held: entry.held, need: want.need, answers: entry.answers };
        (sent, entry)
    }

    /// Takes in what storage answered.
    pub(crate) fn apply(&mut self, sent: &[Sent], answers: &[Answer]) {
        for (sent, answer) in sent.iter().zip(answers) {
            self.written(sent);
            let account = self.account(sent.slot);
            account.slice = answer.slice;
            account.reported = sent.held.min(answer.slice);
            account.spent = answer.spent;
            account.tight = answer.tight;
            account.asked = 0;
            match answer.outcome {
                Outcome::Granted => {}
                Outcome::Refused => account.refused = Some(sent.need),
                Outcome::Recalling(number) => account.asked = number,
            }
            // A call may have begun in the meantime: then the slice is not given up after all.
            account.retire = false;
            self.forget_if_over(sent.slot);
        }
    }

    fn written(&mut self, sent: &Sent) {
        let account = self.account(sent.slot);
        account.pending = account.pending.saturating_sub(sent.spent);
        account.reported = sent.held;
        account.answered = account.answered.max(sent.answers);
        account.fresh = false;
    }

    fn forget_if_over(&mut self, slot: Slot) {
        let account = self.account(slot);
        if account.is_over() {
            let key = account.key.clone();
            self.by_key.remove(&key);
            self.accounts[slot as usize] = None;
            self.vacant.push(slot);
        }
    }

    /// Whether a call that waits can have what it needs, now that storage has answered: it takes it, it is told which
    /// budget refuses it, or it goes on waiting.
    pub(crate) fn serve(&mut self, call: &Call, now: Timestamp) -> Option<Result<(), Slot>> {
        if call.slots.iter().all(|slot| self.account(*slot).has(call.estimate)) {
            self.hold(&call.slots, call.estimate, now);
            return Some(Ok(()));
        }
        let refusing = call.slots.iter().copied().find(|slot| {
            let account = self.account(*slot);
            let short = call.estimate.saturating_sub(account.free());
            account.refused.is_some_and(|need| short >= need)
        });
        refusing.map(Err)
    }

    /// Forgets what was refused, and sees that nothing is kept that others are short of.
    pub(crate) fn served(&mut self, sent: &[Sent]) {
        for sent in sent {
            let Some(account) = &mut self.accounts[sent.slot as usize] else { continue };
            account.refused = None;
            let is_misreported = account.held != account.reported;
            if is_misreported || (account.tight && account.free() > Usd::ZERO) {
                self.touch(sent.slot);
            }
        }
    }

    /// Whether calls wait for others to give something back.
    pub(crate) fn is_recalling(&self) -> bool {
        self.accounts.iter().flatten().any(|account| account.asked > 0 && account.waiting > 0)
    }

    /// The session is lost. Storage has charged what it knew to be held; what it did not know is owed to it. `written`
    /// says whether the last batch had arrived.
    pub(crate) fn lose(&mut self, sent: &[Sent], written: bool) {
        if written {
            for sent in sent {
                self.written(sent);
            }
        }
        self.generation += 1;
        for slot in 0..self.accounts.len() {
            let Some(account) = &mut self.accounts[slot] else { continue };
            account.pending = (account.pending + account.held).saturating_sub(account.reported);
            (account.held, account.reported, account.slice) = (Usd::ZERO, Usd::ZERO, Usd::ZERO);
            (account.recall, account.answered, account.asked) = (0, 0, 0);
            account.tight = false;
            let slot = Slot::try_from(slot).unwrap_or(Slot::MAX);
            self.touch(slot);
        }
    }
}
