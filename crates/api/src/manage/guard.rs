//! What stands before a route: the permission, the class of limits, the body that it takes. No route is there without.

use std::time::Duration;

use codeflow_auth::Permission;
use codeflow_ratelimit::EndpointClass;

use crate::BodyLimits;

/// What stands before a route.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    pub(crate) need: Need,
    pub(crate) class: EndpointClass,
    pub(crate) body: BodyRule,
}

/// Who may come in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// Who has this permission.
    Permission(Permission),
    /// Anybody, for a reason that the document tells.
    Nobody(&'static str),
}

/// What a route does with a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyRule {
    /// It takes none.
    None,
    /// It takes JSON within these bounds.
    Json(BodyLimits),
}

impl BodyRule {
    /// A few fields.
    pub(crate) const SMALL: Self = Self::Json(BodyLimits { bytes: 64 << 10, time: Duration::from_secs(10) });
    /// A document, or the inputs of an execution.
    pub(crate) const LARGE: Self = Self::Json(BodyLimits { bytes: 2 << 20, time: Duration::from_secs(30) });
}

impl Guard {
    /// Whoever has the permission.
    pub(crate) const fn needs(permission: Permission, class: EndpointClass) -> Self {
        Self { need: Need::Permission(permission), class, body: BodyRule::None }
    }

    /// Anybody. The reason is written into the document.
    pub(crate) const fn public(reason: &'static str, class: EndpointClass) -> Self {
        Self { need: Need::Nobody(reason), class, body: BodyRule::None }
    }

    /// The same before a route that takes a body.
    pub(crate) const fn takes(self, body: BodyRule) -> Self {
        Self { body, ..self }
    }
}
