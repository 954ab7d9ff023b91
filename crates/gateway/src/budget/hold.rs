//! Money that is set aside while a call runs.

use std::fmt;
use std::sync::Arc;

use codeflow_core::Usd;

use super::ledger::Slot;
use crate::UsageRow;
use crate::usage::Books;

/// Money that is set aside for one call, in every budget that it counts for.
///
/// A hold that is dropped without being settled is charged at its estimate. Whoever had it vanished while the provider
/// may have been at work: what cannot be known is paid for rather than given away, so that no number of lost calls
/// exceeds a budget.
#[must_use = "a hold that is dropped is charged at its estimate"]
pub struct Hold {
    books: Arc<Books>,
    slots: Vec<Slot>,
    generation: u64,
    estimate: Usd,
    end: Charge,
}

/// What a call cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// What the provider's numbers come to.
    Exact(Usd),
    /// What it comes to by numbers of our own.
    Estimated(Usd),
    /// Nobody knows: the estimate of the reservation.
    Unknown,
    /// Nothing: the provider did not do it.
    Nothing,
}

impl Hold {
    /// A hold that costs nothing until somebody has it: see [`Hold::begin`].
    pub(crate) fn new(books: Arc<Books>, slots: Vec<Slot>, estimate: Usd, generation: u64) -> Self {
        Self { books, slots, generation, estimate, end: Charge::Nothing }
    }

    /// From here on a call may be running.
    pub(crate) fn begin(mut self) -> Self {
        self.end = Charge::Unknown;
        self
    }

    /// What was set aside.
    pub fn estimate(&self) -> Usd {
        self.estimate
    }

    /// Ends the hold. It takes effect here at once, and is written with the next commit. A call may have cost more than
    /// was set aside: then the budget is exceeded by that much, which those who come next see.
    pub fn settle(mut self, charge: Charge) {
        self.end = charge;
    }

    /// Ends the hold and accounts for its call, in one commit.
    pub fn settle_with(mut self, charge: Charge, row: UsageRow) {
        self.end = charge;
        self.close(Some(row));
    }

    fn close(&mut self, row: Option<UsageRow>) {
        let slots = std::mem::take(&mut self.slots);
        if !slots.is_empty() || row.is_some() {
            let ended =
                Ended { slots, estimate: self.estimate, generation: self.generation, cost: self.cost() };
            self.books.close(ended, row);
        }
    }

    fn cost(&self) -> Usd {
        match self.end {
            Charge::Exact(cost) | Charge::Estimated(cost) => cost,
            Charge::Unknown => self.estimate,
            Charge::Nothing => Usd::ZERO,
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.close(None);
    }
}

/// A hold that has ended.
pub(crate) struct Ended {
    pub(crate) slots: Vec<Slot>,
    pub(crate) estimate: Usd,
    pub(crate) generation: u64,
    pub(crate) cost: Usd,
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("estimate", &self.estimate).finish_non_exhaustive()
    }
}
