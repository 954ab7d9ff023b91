//! Which limits there are, as plain data: what settings say and what an admin may change while the server runs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::EndpointClass;

/// The most tiers that there may be.
pub(crate) const MAX_TIERS: usize = 64;

/// All limits on requests. What is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// For all requests together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<Rate>,
    /// For each address, before it is known who calls.
    pub address: ClassRates,
    /// For each principal, by the name of its tier. Whose tier is not among them has that of [`Rules::ANONYMOUS`], but that
    /// [`Rules::SERVICE`] is not limited then.
    pub tiers: BTreeMap<String, ClassRates>,
}

/// How much in a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How much comes back in a minute.
    pub per_minute: u32,
    /// How much may be used at once; left out: what comes back in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
}

/// Limits on all that somebody does, and on classes of it. All of them hold together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassRates {
    /// For everything together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Rate>,
    /// For routes of one class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<EndpointClass, Rate>,
}

/// Something that is wrong with limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleProblem {
    /// Where, as a path: `tiers.premium.classes.read.burst`.
    pub field: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl fmt::Display for RuleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl Rate {
    /// So much in a minute, and all of it at once if need be.
    pub const fn per_minute(per_minute: u32) -> Self {
        Self { per_minute, burst: None }
    }
}

impl Rules {
    /// The tier of whoever is not recognised.
    pub const ANONYMOUS: &str = "anonymous";
    /// The tier of the programs that the settings know, unless they have another one. Rules that were made before there was
    /// such a tier do not hold for it.
    pub const SERVICE: &str = "service";

    /// Everything that is wrong.
    pub fn problems(&self) -> Vec<RuleProblem> {
        let mut problems = Problems::default();
        problems.rate("global", self.global.as_ref());
        problems.rates("address", &self.address);
        if self.tiers.len() > MAX_TIERS {
            problems.add("tiers", "has more than 64 tiers");
        }
        for (name, rates) in &self.tiers {
            if !is_name(name) {
                problems.add("tiers", "has a name that is not 1 to 64 letters, digits, `-`, `_` and `.`");
            } else {
                problems.rates(&format!("tiers.{name}"), rates);
            }
        }
        problems.0
    }
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

#[derive(Default)]
struct Problems(Vec<RuleProblem>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, problem: &'static str) {
        self.0.push(RuleProblem { field: field.into(), problem });
    }

    fn rate(&mut self, field: &str, rate: Option<&Rate>) {
        let Some(rate) = rate else { return };
        if rate.per_minute == 0 {
            self.add(format!("{field}.per_minute"), "must be at least 1; leave the limit out for none");
        }
        if rate.burst == Some(0) {
            self.add(format!("{field}.burst"), "must be at least 1; leave it out for that of a minute");
        }
    }

    fn rates(&mut self, field: &str, rates: &ClassRates) {
        self.rate(&format!("{field}.all"), rates.all.as_ref());
        for (class, rate) in &rates.classes {
            self.rate(&format!("{field}.classes.{}", class.as_str()), Some(rate));
            if *class == EndpointClass::Health {
                self.add(
                    format!("{field}.classes.health"),
                    "can have no limit: whoever watches has to be told",
                );
            }
        }
    }
}
