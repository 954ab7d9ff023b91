//! Who may come in: the question that a server asks about each request, answered in process or with others.

use std::net::IpAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::Decision;

/// What kind of thing a route does. Each has limits of its own, and every route names its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndpointClass {
    /// Whether the process lives.
    Health,
    /// What anybody may read.
    Public,
    /// Passwords, tokens and codes: what somebody would guess.
    SignIn,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Calls to models.
    Model,
    /// Users, keys, roles, limits.
    Admin,
}

impl EndpointClass {
    /// Every class.
    pub const ALL: [Self; 7] =
        [Self::Health, Self::Public, Self::SignIn, Self::Read, Self::Write, Self::Model, Self::Admin];

    /// What settings, headers and metrics call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Public => "public",
            Self::SignIn => "sign-in",
            Self::Read => "read",
            Self::Write => "write",
            Self::Model => "model",
            Self::Admin => "admin",
        }
    }
}

/// Whoever comes, once it is known who it is.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// The name under which it is counted, unique in the installation; the address when nobody is recognised.
    pub name: &'a str,
    /// The tier of its limits.
    pub tier: &'a str,
    /// Whether it may go beyond limits. That is counted.
    pub may_bypass: bool,
    /// What the route does.
    pub class: EndpointClass,
}

/// Decides who may come in.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Before anything is looked at: the limit of all, and that of an address. `None` when no limit holds.
    async fn enter(&self, address: IpAddr, class: EndpointClass) -> Option<Decision>;

    /// Once it is known who comes: the limits of its tier and of the class; the strictest decides. `None` when no limit
    /// holds; [`Beyond`](crate::Verdict::Beyond) when it is used up and whoever comes may go beyond it.
    async fn admit(&self, visitor: &Visitor<'_>) -> Option<Decision>;
}
