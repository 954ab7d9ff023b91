//! One budget as this process has it.

use codeflow_core::{Timestamp, Usd};

use crate::budget::{BudgetKey, BudgetRule, Period};

/// The slice pays for `held` and `pending`; what is left of it is free. A call that cost more than its estimate can
/// leave less than nothing: the next entry makes up for it.
pub(super) struct Account {
    pub(super) key: BudgetKey,
    pub(super) period: Period,
    pub(super) limit: Usd,
    /// What storage has granted.
    pub(super) slice: Usd,
    /// What calls in flight hold, by their estimates.
    pub(super) held: Usd,
    /// What was spent and is not written yet.
    pub(super) pending: Usd,
    /// What storage believes is held.
    pub(super) reported: Usd,
    /// What everybody has spent, when storage last told.
    pub(super) spent: Usd,
    /// How many holds refer to this account, those of lost sessions included.
    pub(super) holds: u32,
    /// How many calls wait for it to grow.
    pub(super) waiting: u32,
    /// Whether its row may be missing.
    pub(super) fresh: bool,
    pub(super) dirty: bool,
    pub(super) retire: bool,
    /// Whether others are short, so that nothing is kept for later.
    pub(super) tight: bool,
    /// The last recall that others caused, and the last that was answered.
    pub(super) recall: i64,
    pub(super) answered: i64,
    /// The recall that calls of ours caused.
    pub(super) asked: i64,
    /// A need that was just refused.
    pub(super) refused: Option<Usd>,
    /// What a call usually takes.
    pub(super) usual: Usd,
    pub(super) used: Timestamp,
}

/// A slice should last for this many calls.
const CALLS: u64 = 64;

impl Account {
    pub(super) fn new(key: BudgetKey, rule: &BudgetRule) -> Self {
        Self {
            key,
            period: rule.period,
            limit: rule.limit,
            slice: Usd::ZERO,
            held: Usd::ZERO,
            pending: Usd::ZERO,
            reported: Usd::ZERO,
            spent: Usd::ZERO,
            holds: 0,
            waiting: 0,
            fresh: true,
            dirty: false,
            retire: false,
            tight: false,
            recall: 0,
            answered: 0,
            asked: 0,
            refused: None,
            usual: Usd::ZERO,
            used: Timestamp::EPOCH,
        }
    }

    /// What nothing holds.
    pub(super) fn free(&self) -> Usd {
        self.slice.saturating_sub(self.held + self.pending)
    }

    /// What was spent or is held beyond the slice.
    pub(super) fn debt(&self) -> Usd {
        (self.held + self.pending).saturating_sub(self.slice)
    }

    pub(super) fn has(&self, estimate: Usd) -> bool {
        self.held + self.pending + estimate <= self.slice
    }

    /// Whether no call has to do with it.
    pub(super) fn is_idle(&self) -> bool {
        self.holds == 0 && self.waiting == 0
    }

    /// Whether it may be forgotten.
    pub(super) fn is_over(&self) -> bool {
        self.is_idle() && self.pending == Usd::ZERO && self.slice == Usd::ZERO && !self.dirty
    }

    /// Whether all that is free is to be given back.
    pub(super) fn gives_back(&self) -> bool {
        self.tight || self.retire || self.recall > self.answered
    }

    /// How large a slice ought to be beyond what is held.
    pub(super) fn enough(&self) -> Usd {
        Usd::from_micros(self.usual.micros().saturating_mul(CALLS))
    }
}
