//! Which budget: a rule, whom it is counted for, and since when.

use std::fmt;
use std::sync::Arc;

use codeflow_core::{ExecutionId, Timestamp};

use super::{BudgetRule, Scope};
use crate::Subjects;

/// One budget of one subject in one period. Making one copies pointers, no text: every call makes some.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BudgetKey {
    /// The name of the rule.
    pub rule: Arc<str>,
    /// Whose money it is.
    pub tenant: Arc<str>,
    who: Who,
    /// When the period began; [`Timestamp::EPOCH`] for a budget that is never full again.
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Who {
    Key(Arc<str>),
    User(Arc<str>),
    Tenant,
    Execution(ExecutionId),
}

impl BudgetKey {
    /// The budget of a rule for a caller, whatever subject the rule names; nothing when the caller has none such.
    pub(crate) fn of(rule: &BudgetRule, who: &Subjects<'_>, since: Timestamp) -> Option<Self> {
        let named = |name: &str| rule.subject.as_deref().is_none_or(|subject| subject == name);
        let caller = who.caller;
        let who = match rule.scope {
            Scope::Key => named(&caller.key).then(|| Who::Key(Arc::clone(&caller.key)))?,
            Scope::User => {
                let user = caller.user.as_ref().filter(|user| named(user))?;
                Who::User(Arc::clone(user))
            }
            Scope::Tenant => named(&caller.tenant).then_some(Who::Tenant)?,
            Scope::Execution => {
                let id = who.execution?;
                let is_it = rule.subject.as_ref().is_none_or(|subject| **subject == *id.to_string());
                is_it.then_some(Who::Execution(id))?
            }
        };
        Some(Self { rule: Arc::clone(&rule.name), tenant: Arc::clone(&caller.tenant), who, since })
    }

    /// Whom it is counted for, as storage keeps it: the same name is another subject in another tenant or scope.
    pub fn subject(&self) -> String {
        self.who.to_string()
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(name) => write!(f, "key:{name}"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Tenant => f.write_str("tenant"),
            Self::Execution(id) => write!(f, "execution:{id}"),
        }
    }
}
