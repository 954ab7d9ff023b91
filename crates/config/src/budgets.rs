//! What calls to models may cost, for whom and for how long.

use std::collections::HashSet;

use codeflow_core::Usd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Amount;

/// An amount of money that calls to models may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSettings {
    /// What messages call it.
    pub name: String,
    /// Whose calls it counts.
    pub scope: BudgetScope,
    /// The one whose calls it counts; `None`: each has a budget of that size.
    pub subject: Option<String>,
    /// When it begins anew.
    pub period: BudgetPeriod,
    /// The money.
    pub limit: Usd,
}

/// Whose calls a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetScope {
    /// Those with one key.
    Key,
    /// Those of one user.
    User,
    /// Those of one tenant.
    Tenant,
    /// Those of one execution of a workflow.
    Execution,
}

/// When a budget begins anew, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BudgetPeriod {
    /// Every day.
    Day,
    /// Every month.
    Month,
    /// Never.
    Total,
}

/// See [`BudgetSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawBudget {
    /// What messages call it.
    #[schemars(extend("x-example" = "everybody-daily"))]
    name: String,
    /// Whose calls it counts: those of one `key`, `user`, `tenant` or `execution`.
    #[schemars(extend("x-example" = "key"))]
    scope: BudgetScope,
    /// The name of the one whose calls it counts. Left out: each has a budget of that size.
    #[serde(default)]
    #[schemars(extend("x-example" = "team-a"))]
    subject: Option<String>,
    /// When it begins anew, in UTC: every `day`, every `month`, or never, with `total`.
    #[schemars(extend("x-example" = "day"))]
    period: BudgetPeriod,
    /// The money, in dollars.
    #[schemars(extend("x-example" = "25.00"))]
    limit: Amount,
}

/// All budgets. Their names differ.
pub(crate) fn settle(raw: Vec<RawBudget>, checks: &mut Checks) -> Vec<BudgetSettings> {
    let mut names = HashSet::new();
    let mut budgets = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let at = format!("budgets.{index}");
        if !names.insert(raw.name.clone()) {
            checks.refuse(format!("{at}.name"), "is the name of another budget, too");
        }
        budgets.push(raw.settle(&at, checks));
    }
    budgets
}

impl RawBudget {
    fn settle(self, at: &str, checks: &mut Checks) -> BudgetSettings {
        BudgetSettings {
            name: checks.name(format!("{at}.name"), self.name),
            scope: self.scope,
            subject: checks.optional(format!("{at}.subject"), self.subject),
            period: self.period,
            limit: checks.money(format!("{at}.limit"), &self.limit),
        }
    }
}
