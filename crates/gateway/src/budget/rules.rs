//! Which rules are about a call.

use std::collections::HashMap;
use std::sync::Arc;

use super::{BudgetRule, Scope};
use crate::Subjects;

/// The rules, found by whom they name, so that a thousand keys with a budget each cost a call no more than one.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Those that give each subject a budget of their own.
    each: Vec<BudgetRule>,
    keys: HashMap<Arc<str>, Vec<BudgetRule>>,
    users: HashMap<Arc<str>, Vec<BudgetRule>>,
    tenants: HashMap<Arc<str>, Vec<BudgetRule>>,
}

impl Rules {
    pub(crate) fn new(rules: Vec<BudgetRule>) -> Self {
        let mut sorted = Self::default();
        for rule in rules {
            let named = match rule.scope {
                Scope::Key => &mut sorted.keys,
                Scope::User => &mut sorted.users,
                Scope::Tenant => &mut sorted.tenants,
                // Nobody knows an execution's id beforehand: what names one comes with its call.
                Scope::Execution => {
                    sorted.each.push(rule);
                    continue;
                }
            };
            match rule.subject.clone() {
                Some(subject) => named.entry(subject).or_default().push(rule),
                None => sorted.each.push(rule),
            }
        }
        sorted
    }

    /// The rules that may be about a call.
    pub(crate) fn about<'a>(&'a self, who: &Subjects<'a>) -> impl Iterator<Item = &'a BudgetRule> {
        let of = |map: &'a HashMap<Arc<str>, Vec<BudgetRule>>, name: Option<&'a Arc<str>>| {
            let found = name.filter(|_| !map.is_empty()).and_then(|name| map.get(name));
            found.map_or(&[][..], Vec::as_slice).iter()
        };
        let caller = who.caller;
        self.each
            .iter()
            .chain(of(&self.keys, Some(&caller.key)))
            .chain(of(&self.users, caller.user.as_ref()))
            .chain(of(&self.tenants, Some(&caller.tenant)))
    }
}
