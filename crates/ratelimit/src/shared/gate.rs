//! The gate of processes that count together.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::SharedLimiter;
use crate::local::Desk;
use crate::{Decision, EndpointClass, Gate, GateObserver, RuleBook, Visitor};

/// Counts together with other processes: their limits are those of all of them.
pub struct SharedGate {
    limiter: Arc<SharedLimiter>,
    desk: Desk,
}

impl SharedGate {
    /// A gate with these limits. Somebody has to [`run`](SharedLimiter::run) the limiter.
    pub fn new(rules: Arc<RuleBook>, limiter: Arc<SharedLimiter>) -> Self {
        Self { limiter, desk: Desk::new(rules) }
    }

    /// The same gate, with somebody who counts.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn GateObserver>) -> Self {
        self.desk.observer = observer;
        self
    }
}

#[async_trait]
impl Gate for SharedGate {
    async fn enter(&self, address: IpAddr, class: EndpointClass) -> Option<Decision> {
        let questions = self.desk.rules.entering(address, class);
        let decision = self.limiter.check_all(&questions.asks()).await;
        self.desk.conclude(&questions, decision, class, false)
    }

    async fn admit(&self, visitor: &Visitor<'_>) -> Option<Decision> {
        let questions = self.desk.rules.admitting(visitor);
        let decision = self.limiter.check_all(&questions.asks()).await;
        self.desk.conclude(&questions, decision, visitor.class, visitor.may_bypass)
    }
}
