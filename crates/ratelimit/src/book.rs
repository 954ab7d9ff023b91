//! The limits that hold now, ready to be asked for. They may be replaced at any time; what was used stays used.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Ask, ClassRates, EndpointClass, Error, Limit, Rate, Rules, Scope, Visitor};

/// The limits that hold now. Every gate of a process has the same.
pub struct RuleBook(RwLock<Arc<Page>>);

impl fmt::Debug for RuleBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RuleBook").field(&self.page().rules).finish()
    }
}

/// Limits as they are asked for.
struct Page {
    rules: Rules,
    global: Option<Limit>,
    address: Limits,
    tiers: HashMap<String, Limits>,
}

#[derive(Clone, Copy, Default)]
struct Limits {
    all: Option<Limit>,
    classes: [Option<Limit>; EndpointClass::ALL.len()],
}

/// One limit, whose it is, and what kind of limit.
pub(crate) struct Question {
    pub(crate) scope: Scope,
    pub(crate) subject: String,
    pub(crate) limit: Limit,
}

impl Question {
    pub(crate) fn ask(&self) -> Ask<'_> {
        Ask { subject: &self.subject, limit: &self.limit, cost: 1 }
    }
}

impl RuleBook {
    /// These limits, until others are put in their place.
    ///
    /// # Errors
    /// [`InvalidRules`](crate::ErrorKind::InvalidRules), with everything that is wrong.
    pub fn new(rules: Rules) -> Result<Self, Error> {
        Ok(Self(RwLock::new(Arc::new(Page::of(rules)?))))
    }

    /// Puts these limits in the place of those that held, for whoever asks from now on.
    ///
    /// # Errors
    /// [`InvalidRules`](crate::ErrorKind::InvalidRules), with everything that is wrong; the old ones hold then.
    pub fn replace(&self, rules: Rules) -> Result<(), Error> {
        let page = Arc::new(Page::of(rules)?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = page;
        Ok(())
    }

    /// The limits that hold.
    pub fn rules(&self) -> Rules {
        self.page().rules.clone()
    }

    fn page(&self) -> Arc<Page> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is asked before it is known who comes.
    pub(crate) fn entering(&self, address: IpAddr, class: EndpointClass) -> Vec<Question> {
        if class == EndpointClass::Health {
            return Vec::new();
        }
        let page = self.page();
        let mut questions = Vec::with_capacity(3);
        let global =
            page.global.map(|limit| Question { scope: Scope::Global, subject: String::new(), limit });
        questions.extend(global);
        let scopes = [Scope::Address, Scope::AddressClass];
        questions.extend(page.address.questions(&format!("@{}", network_of(address)), class, scopes));
        questions
    }

    /// What is asked of a visitor.
    pub(crate) fn admitting(&self, visitor: &Visitor<'_>) -> Vec<Question> {
        if visitor.class == EndpointClass::Health {
            return Vec::new();
        }
        let page = self.page();
        let tier = page.tiers.get(visitor.tier).or_else(|| page.tiers.get(Rules::ANONYMOUS));
        let (name, scopes) = (format!(":{}", visitor.name), [Scope::Principal, Scope::PrincipalClass]);
        let questions = |limits: &Limits| limits.questions(&name, visitor.class, scopes).collect();
        tier.map(questions).unwrap_or_default()
    }
}

impl Page {
    fn of(rules: Rules) -> Result<Self, Error> {
        let problems = rules.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(problems));
        }
        Ok(Self {
            global: rules.global.as_ref().and_then(|rate| limit("all-requests", rate)),
            address: Limits::of(&rules.address),
            tiers: rules.tiers.iter().map(|(name, rates)| (name.clone(), Limits::of(rates))).collect(),
            rules,
        })
    }
}

impl Limits {
    fn of(rates: &ClassRates) -> Self {
        let class = |class| rates.classes.get(&class).and_then(|rate| limit(class_name(class), rate));
        let all = rates.all.as_ref().and_then(|rate| limit("requests", rate));
        Self { all, classes: EndpointClass::ALL.map(class) }
    }

    fn questions(
        &self,
        subject: &str,
        class: EndpointClass,
        [all, one]: [Scope; 2],
    ) -> impl Iterator<Item = Question> {
        let limits = [(all, self.all), (one, self.classes[class as usize])];
        limits.into_iter().filter_map(move |(scope, limit)| {
            limit.map(|limit| Question { scope, subject: subject.to_owned(), limit })
        })
    }
}

/// Nothing for numbers that [`Rules::problems`] refuses.
fn limit(name: &'static str, rate: &Rate) -> Option<Limit> {
    let limit = Limit::per_minute(name, NonZeroU32::new(rate.per_minute)?);
    match rate.burst {
        None => Some(limit),
        Some(burst) => NonZeroU32::new(burst).map(|burst| Limit { burst, ..limit }),
    }
}

/// What headers call the limit of a class.
fn class_name(class: EndpointClass) -> &'static str {
    match class {
        EndpointClass::Health => "health-requests",
        EndpointClass::Public => "public-requests",
        EndpointClass::SignIn => "sign-in-requests",
        EndpointClass::Read => "read-requests",
        EndpointClass::Write => "write-requests",
        EndpointClass::Model => "model-requests",
        EndpointClass::Admin => "admin-requests",
    }
}

/// Whose address it is: somebody who has one of IPv6 has a whole /64 of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}
