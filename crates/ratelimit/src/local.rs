//! The gate of a process that counts alone.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use codeflow_core::Clock;

use crate::book::Questions;
use crate::{
    Decision, EndpointClass, Gate, GateObserver, Limiter, NoGateObserver, Outcome, RuleBook, Verdict, Visitor,
};

/// Counts in this process: its limits are those of the process.
pub struct LocalGate {
    limiter: Limiter,
    desk: Desk,
}

impl LocalGate {
    /// A gate with these limits.
    pub fn new(rules: Arc<RuleBook>, clock: Arc<dyn Clock>) -> Self {
        Self { limiter: Limiter::new(clock), desk: Desk::new(rules) }
    }

    /// The same gate, with somebody who counts.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn GateObserver>) -> Self {
        self.desk.observer = observer;
        self
    }
}

#[async_trait]
impl Gate for LocalGate {
    async fn enter(&self, address: IpAddr, class: EndpointClass) -> Option<Decision> {
        let questions = self.desk.rules.entering(address, class);
        let decision = self.limiter.check_all(&questions.asks());
        self.desk.conclude(&questions, decision, class, false)
    }

    async fn admit(&self, visitor: &Visitor<'_>) -> Option<Decision> {
        let questions = self.desk.rules.admitting(visitor);
        let decision = self.limiter.check_all(&questions.asks());
        self.desk.conclude(&questions, decision, visitor.class, visitor.may_bypass)
    }
}

/// What gates have in common: where the limits are, and who is told.
pub(crate) struct Desk {
    pub(crate) rules: Arc<RuleBook>,
    pub(crate) observer: Arc<dyn GateObserver>,
}

impl Desk {
    pub(crate) fn new(rules: Arc<RuleBook>) -> Self {
        Self { rules, observer: Arc::new(NoGateObserver) }
    }

    /// Tells how it went. A refusal is none for whoever may go beyond limits.
    pub(crate) fn conclude(
        &self,
        questions: &Questions,
        decision: Option<Decision>,
        class: EndpointClass,
        may_bypass: bool,
    ) -> Option<Decision> {
        let decision = decision?;
        let outcome = match (decision.is_allowed(), may_bypass) {
            (true, _) => Outcome::Admitted,
            (false, true) => Outcome::Bypassed,
            (false, false) => Outcome::Refused,
        };
        if let Some(scope) = questions.scope(decision.limit.name) {
            self.observer.decided(outcome, scope, class);
        }
        match outcome {
            Outcome::Admitted | Outcome::Refused => Some(decision),
            Outcome::Bypassed => Some(Decision { verdict: Verdict::Beyond, ..decision }),
        }
    }
}
