//! The limits that hold now, ready to be asked for. They may be replaced at any time; what was used stays used.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, PoisonError, RwLock};

use crate::{Ask, ClassRates, EndpointClass, Error, Limit, Rate, Rules, Scope, Visitor};

/// How long an address may be, written out, with the mark before it.
const LONGEST_ADDRESS: usize = 40;

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

/// What is asked of one request at one gate: at most the limit of all, and two of one subject.
pub(crate) struct Questions {
    /// Whose limits these are, but for the one of all.
    subject: String,
    limits: [Option<(Scope, Limit)>; MOST],
}

/// The most limits that are asked for at one gate.
const MOST: usize = 3;

/// What stands where nothing is asked.
const NO_LIMIT: Limit = Limit::per_minute("", NonZeroU32::MIN);

/// Questions as a limiter takes them. There are few for each request, so they are no list of their own.
pub(crate) struct Asks<'a> {
    all: [Ask<'a>; MOST],
    count: usize,
}

impl<'a> std::ops::Deref for Asks<'a> {
    type Target = [Ask<'a>];

    fn deref(&self) -> &[Ask<'a>] {
        &self.all[..self.count]
    }
}

impl Questions {
    const NONE: Self = Self { subject: String::new(), limits: [None; MOST] };

    pub(crate) fn asks(&self) -> Asks<'_> {
        let mut asks = Asks { all: [Ask { subject: "", limit: &NO_LIMIT, cost: 0 }; MOST], count: 0 };
        for (scope, limit) in self.limits.iter().flatten() {
            let subject = if *scope == Scope::Global { "" } else { &self.subject };
            asks.all[asks.count] = Ask { subject, limit, cost: 1 };
            asks.count += 1;
        }
        asks
    }

    /// Whose limit of this name is.
    pub(crate) fn scope(&self, name: &str) -> Option<Scope> {
        self.limits.iter().flatten().find(|(_, limit)| limit.name == name).map(|(scope, _)| *scope)
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
    pub(crate) fn entering(&self, address: IpAddr, class: EndpointClass) -> Questions {
        if class == EndpointClass::Health {
            return Questions::NONE;
        }
        let page = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let [all, one] = page.address.of_class(class);
        let global = page.global.map(|limit| (Scope::Global, limit));
        let limits =
            [global, all.map(|limit| (Scope::Address, limit)), one.map(|limit| (Scope::AddressClass, limit))];
        Questions { subject: marked(network_of(address)), limits }
    }

    /// What is asked of a visitor.
    pub(crate) fn admitting(&self, visitor: &Visitor<'_>) -> Questions {
        if visitor.class == EndpointClass::Health {
            return Questions::NONE;
        }
        let page = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let anonymous = || page.tiers.get(Rules::ANONYMOUS).filter(|_| visitor.tier != Rules::SERVICE);
        let Some(tier) = page.tiers.get(visitor.tier).or_else(anonymous) else { return Questions::NONE };
        let [all, one] = tier.of_class(visitor.class);
        let of_all = all.map(|limit| (Scope::Principal, limit));
        let limits = [of_all, one.map(|limit| (Scope::PrincipalClass, limit)), None];
        Questions { subject: [":", visitor.name].concat(), limits }
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

    /// The limit of everything, and that of the class.
    fn of_class(&self, class: EndpointClass) -> [Option<Limit>; 2] {
        [self.all, self.classes[class as usize]]
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

/// An address, written out after a mark that no name of a principal begins with. Every request has one, so those of IPv4
/// are written by hand, which takes a third of the time.
fn marked(address: IpAddr) -> String {
    let mut text = String::with_capacity(LONGEST_ADDRESS);
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                text.push(if place == 0 { '@' } else { '.' });
                for (size, above) in [(100, 99), (10, 9)] {
                    if octet > above {
                        text.push(char::from(b'0' + octet / size % 10));
                    }
                }
                text.push(char::from(b'0' + octet % 10));
            }
        }
        // Writing into a string never fails.
        IpAddr::V6(address) => {
            let _ = write!(text, "@{address}");
        }
    }
    text
}

/// Whose address it is: somebody who has one of IPv6 has a whole /64 of them.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}
