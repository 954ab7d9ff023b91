//! Limits on requests to the server, as settings say them: by address before anybody is known, then by tier.

use std::collections::BTreeMap;

use codeflow_ratelimit::{ClassRates, EndpointClass, Rate, Rules};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;

/// See [`Rules`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRequests {
    /// All requests together.
    global: u32,
    /// What one address may ask for, before it is known who calls.
    address: RawRates,
    /// Whoever is not recognised, by address.
    anonymous: RawRates,
    /// Each user and each key of the database, unless it has another tier.
    authenticated: RawRates,
    /// Each user and each key of tier `premium`.
    premium: RawRates,
    /// Each key of `[keys]`, unless it has another tier.
    service: RawRates,
    /// Each user and each key of tier `admin`.
    admin: RawRates,
    /// A tier of another name.
    #[schemars(extend("x-name" = "partner"))]
    tiers: BTreeMap<String, RawRates>,
}

/// See [`ClassRates`].
#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct RawRates {
    /// Requests of all kinds together.
    per_minute: u32,
    /// How many of all kinds may come at once. 0: those of a minute.
    burst: u32,
    /// Requests for what anybody may read.
    public: u32,
    /// Attempts to sign in.
    sign_in: u32,
    /// Requests that read.
    read: u32,
    /// Requests that write.
    write: u32,
    /// Calls to models.
    model: u32,
    /// Requests for users, keys, roles and limits.
    admin: u32,
}

impl Default for RawRequests {
    fn default() -> Self {
        let tier = |per_minute| RawRates { per_minute, ..RawRates::default() };
        Self {
            global: 0,
            address: RawRates { sign_in: 10, ..tier(60_000) },
            anonymous: tier(60),
            authenticated: RawRates { admin: 120, ..tier(600) },
            premium: RawRates { admin: 120, ..tier(6000) },
            service: RawRates { admin: 120, ..tier(60_000) },
            admin: tier(1200),
            tiers: BTreeMap::new(),
        }
    }
}

impl RawRequests {
    pub(crate) fn settle(self, checks: &mut Checks) -> Rules {
        let own = [
            (Rules::ANONYMOUS, self.anonymous),
            ("authenticated", self.authenticated),
            ("premium", self.premium),
            (Rules::SERVICE, self.service),
            ("admin", self.admin),
        ];
        for (name, _) in &own {
            if self.tiers.contains_key(*name) {
                let problem = format!("is a tier of its own; write `[limits.requests.{name}]`");
                checks.refuse(format!("limits.requests.tiers.{name}"), problem);
            }
        }
        let own = own.into_iter().map(|(name, rates)| (name.to_owned(), rates));
        let tiers = own.chain(self.tiers).map(|(name, rates)| {
            let at = format!("limits.requests.{name}");
            let rates = rates.settle(&at, checks);
            (checks.name(&at, name), rates)
        });
        let rules = Rules {
            tiers: tiers.collect(),
            global: rate(self.global),
            address: self.address.settle("limits.requests.address", checks),
        };
        if rules.tiers.len() > MAX_TIERS {
            checks.refuse(
                "limits.requests.tiers",
                format!("must be at most {MAX_TIERS} with those that have a name"),
            );
        }
        rules
    }
}

impl RawRates {
    fn settle(self, at: &str, checks: &mut Checks) -> ClassRates {
        if self.burst > 0 && self.per_minute == 0 {
            checks.refuse(format!("{at}.burst"), "limits nothing without `per_minute`");
        }
        let classes = [
            (EndpointClass::Public, self.public),
            (EndpointClass::SignIn, self.sign_in),
            (EndpointClass::Read, self.read),
            (EndpointClass::Write, self.write),
            (EndpointClass::Model, self.model),
            (EndpointClass::Admin, self.admin),
        ];
        let burst = Some(self.burst).filter(|burst| *burst > 0);
        ClassRates {
            all: rate(self.per_minute).map(|rate| Rate { burst, ..rate }),
            classes: classes.into_iter().filter_map(|(class, number)| Some((class, rate(number)?))).collect(),
        }
    }
}

/// The most tiers that there may be.
const MAX_TIERS: usize = 64;

fn rate(per_minute: u32) -> Option<Rate> {
    (per_minute > 0).then_some(Rate::per_minute(per_minute))
}
