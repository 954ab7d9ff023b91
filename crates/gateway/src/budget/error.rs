//! Why a call may not be paid for.

use std::sync::Arc;

use codeflow_core::{Class, Coded, Timestamp, Usd};
use codeflow_model::ErrorKind;

use super::Period;

/// A call may not be paid for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// What is left of a budget does not cover the call.
    #[error("the budget `{budget}` of {limit} {period} does not cover this call; {}", until(*.renews_at))]
    Exceeded {
        /// The name of the budget.
        budget: Arc<str>,
        /// After what time it is full again.
        period: Period,
        /// How much there is in a period.
        limit: Usd,
        /// When it is full again; never, if it is for good.
        renews_at: Option<Timestamp>,
    },
    /// Nobody can say what is left, so nothing is spent.
    #[error("what is left of the budgets is not known at the moment")]
    Unavailable,
}

fn until(renews_at: Option<Timestamp>) -> String {
    renews_at.map_or_else(|| "it does not renew".to_owned(), |at| format!("it renews at {at}"))
}

impl Coded for BudgetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Exceeded { .. } => ErrorKind::BudgetExceeded.code(),
            Self::Unavailable => "budget.unavailable",
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Exceeded { .. } => Class::Limited,
            Self::Unavailable => Class::Unavailable,
        }
    }
}
