//! How a slice of a budget is asked for and granted. Storage applies this under the lock of the budget.

use codeflow_core::Usd;

use super::BudgetKey;

/// A slice takes at most this part of what is left, so that there is something for other processes, and less and less
/// of it the closer the end is.
const SHARE: u64 = 8;

/// What a process has to say about one of its slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which budget.
    pub key: BudgetKey,
    /// How much there is in the period.
    pub limit: Usd,
    /// Whether this process has not written to this budget before, so that its row may be missing.
    pub fresh: bool,
    /// What was spent since the last entry.
    pub spent: Usd,
    /// By how much the slice shrinks: what was spent of it, and what is given back.
    pub shrink: Usd,
    /// What calls in flight hold of it, by their estimates, and what those that wait will hold if they get it.
    pub held: Usd,
    /// What the slice must grow by for the first call that waits; nothing when none does.
    pub need: Usd,
    /// What all calls that wait would take.
    pub asks: Usd,
    /// By how much it may grow beyond that, if there is plenty.
    pub spare: Usd,
    /// The recall that the calls that wait rely on; zero when they have caused none yet.
    pub asked: i64,
    /// The last recall that this entry answers: no more than `held` is kept.
    pub answers: i64,
    /// Whether the slice is given up. Nothing is held of it then.
    pub retire: bool,
}

/// What storage says to an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How large the slice is now.
    pub slice: Usd,
    /// What everybody spent of the budget in this period.
    pub spent: Usd,
    /// What came of the need.
    pub outcome: Outcome,
    /// Whether slices are being recalled: what is not needed is to be given back.
    pub tight: bool,
}

/// What came of a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There was none, or it was met.
    Granted,
    /// There is not so much left, whatever others give back.
    Refused,
    /// Others were asked, under this number, to give back what they do not use.
    Recalling(i64),
}

/// What is known of a budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// What was spent.
    pub spent: Usd,
    /// The part of `spent` that is the estimate of calls whose process died.
    pub unknown: Usd,
    /// What the slices of all processes hold.
    pub leased: Usd,
}

/// What is known of the slices of one budget when an entry arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The slice of the process that asks, before its entry.
    pub own: Usd,
    /// The slices of those that have answered the recall in [`Entry::asked`]; nothing while that is zero.
    pub answered: Usd,
    /// The number of the last recall.
    pub recall: i64,
    /// Whether slices are being recalled.
    pub tight: bool,
}

/// What storage has to do for an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// By how much the slice grows.
    pub grant: Usd,
    /// What to answer. [`Outcome::Recalling`] with a new number makes that the number of the last recall.
    pub outcome: Outcome,
}

/// Decides about an entry, given the balance before it.
pub fn decide(entry: &Entry, before: Balance, others: Others) -> Verdict {
    let spent = before.spent + entry.spent;
    let leased = before.leased.saturating_sub(entry.shrink);
    let own = others.own.saturating_sub(entry.shrink);
    let left = entry.limit.saturating_sub(spent).saturating_sub(leased);
    if entry.need <= left {
        let share = Usd::from_micros(left.micros() / SHARE);
        let spare = if others.tight { Usd::ZERO } else { share.min(entry.asks + entry.spare) };
        return Verdict { grant: left.min(entry.asks).max(spare), outcome: Outcome::Granted };
    }
    let elsewhere = leased.saturating_sub(own);
    let at_best = entry.limit.saturating_sub(spent).saturating_sub(own);
    let outcome = if at_best < entry.need {
        Outcome::Refused
    } else if entry.asked == 0 {
        Outcome::Recalling(others.recall + 1)
    } else if others.answered >= elsewhere {
        Outcome::Refused
    } else {
        Outcome::Recalling(entry.asked)
    };
    Verdict { grant: Usd::ZERO, outcome }
}
