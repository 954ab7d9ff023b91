//! Tells whoever counts how requests fared at a gate.

use crate::EndpointClass;

/// Whose limit it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everybody's together.
    Global,
    /// That of an address.
    Address,
    /// That of an address, for one class of routes.
    AddressClass,
    /// That of a principal.
    Principal,
    /// That of a principal, for one class of routes.
    PrincipalClass,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] =
        [Self::Global, Self::Address, Self::AddressClass, Self::Principal, Self::PrincipalClass];

    /// What metrics call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Address => "address",
            Self::AddressClass => "address-class",
            Self::Principal => "principal",
            Self::PrincipalClass => "principal-class",
        }
    }
}

/// How a request fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It may go on.
    Admitted,
    /// A limit is used up.
    Refused,
    /// A limit is used up, but whoever comes may go beyond it.
    Bypassed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Admitted, Self::Refused, Self::Bypassed];

    /// What metrics call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Refused => "refused",
            Self::Bypassed => "bypassed",
        }
    }
}

/// Is told how requests fared, as it happens. It must return at once.
pub trait GateObserver: Send + Sync {
    /// A limit decided. Where no limit holds, nobody is told.
    fn decided(&self, _outcome: Outcome, _scope: Scope, _class: EndpointClass) {}
}

/// Nobody counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoGateObserver;

impl GateObserver for NoGateObserver {}
