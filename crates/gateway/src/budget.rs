//! Budgets: how much may be spent, for whom, in what time. How money is set aside while a call runs is the ledger's.

mod error;
mod hold;
mod key;
mod lease;
mod ledger;
mod period;
mod rules;

use std::sync::Arc;

use codeflow_core::{Timestamp, Usd};

pub use error::BudgetError;
pub use hold::{Charge, Hold};
pub use key::BudgetKey;
pub use lease::{Answer, Balance, Entry, Others, Outcome, Verdict, decide};
pub use period::Period;

pub(crate) use hold::Ended;
pub(crate) use ledger::{Call, Ledger, Sent, Slot};
pub(crate) use period::Windows;
pub(crate) use rules::Rules;

use crate::Subjects;

/// How much may be spent. A rule's name is its identity: two rules with one name share what was spent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetRule {
    /// What people call it.
    pub name: Arc<str>,
    /// Who shares it.
    pub scope: Scope,
    /// Whom it is for. Without it, each has one of their own.
    pub subject: Option<Arc<str>>,
    /// After what time it is full again.
    pub period: Period,
    /// How much there is in each period.
    pub limit: Usd,
}

/// Who shares a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Who calls with the same key.
    Key,
    /// The calls of one user.
    User,
    /// Everybody in a tenant.
    Tenant,
    /// The steps of one execution.
    Execution,
}

impl BudgetRule {
    /// The budget that a call at `now` would be paid from, or nothing when the rule is not about that caller.
    pub fn key(&self, who: &Subjects<'_>, now: Timestamp) -> Option<BudgetKey> {
        let since = Windows::at(now).since(self.period);
        BudgetKey::of(self, who, since)
    }
}
