//! What the audit log is told: who did what, on what, from where, and how it ended. Ids and names are told, never what was
//! handed in.

use codeflow_auth::{AuditEvent, Caller, Origin, Outcome};
use codeflow_core::Tenant;
use codeflow_engine::{Error, ErrorKind};
use codeflow_ratelimit::{Decision, EndpointClass};
use serde_json::{Map, Value};

use super::office::Office;

/// Something that somebody did, or wanted to.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    action: &'static str,
    target: String,
    details: Map<String, Value>,
}

impl Deed {
    /// An action, such as `execution.start`, on something.
    pub(crate) fn new(action: &'static str, target: impl ToString) -> Self {
        Self { action, target: target.to_string(), details: Map::new() }
    }

    /// The same, with something else that there is to say.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

impl Office {
    /// Says in the audit log that something was done, and waits until it is written.
    pub(crate) async fn done(&self, by: &Caller, deed: Deed) {
        self.write(by, deed, Outcome::Done).await;
    }

    /// The same of somebody who is known by what the audit log calls them alone, in the data of this tenant.
    pub(crate) async fn done_by(&self, (actor, tenant): (&str, &Tenant), origin: &Origin, deed: Deed) {
        if let Some(audit) = &self.manage.audit {
            audit.write(self.event((actor.to_owned(), tenant), origin, deed, Outcome::Done)).await;
        }
    }

    /// Says in the audit log what came of something: that it was done, or that the engine refused it to whoever asked.
    /// What failed otherwise changed nothing.
    pub(crate) async fn ended<T>(&self, by: &Caller, deed: Deed, came: &Result<T, Error>) {
        match came.as_ref().map_err(Error::kind) {
            Ok(_) => self.write(by, deed, Outcome::Done).await,
            Err(ErrorKind::Forbidden) => self.write(by, deed, Outcome::Refused).await,
            Err(
                ErrorKind::NotFound
                | ErrorKind::Conflict
                | ErrorKind::InvalidInput
                | ErrorKind::LeaseLost
                | ErrorKind::Locked
                | ErrorKind::Unavailable
                | ErrorKind::Corrupt
                | ErrorKind::Internal,
            ) => {}
        }
    }

    /// Says in the audit log, once a minute for each name under which somebody is counted, that a limit was passed by
    /// permission.
    pub(crate) fn went_beyond(
        &self,
        name: &str,
        who: (String, &Tenant),
        origin: &Origin,
        (decision, class): (&Decision, EndpointClass),
    ) {
        let Some(audit) = &self.manage.audit else { return };
        let Some(unsaid) = self.beyond.is_news(name, self.clock.now()) else { return };
        let deed = Deed::new("limits.bypass", decision.limit.name);
        let deed = deed.with("class", class.as_str()).with("since_last", unsaid);
        audit.note(self.event(who, origin, deed, Outcome::Done));
    }

    async fn write(&self, by: &Caller, deed: Deed, outcome: Outcome) {
        if let Some(audit) = &self.manage.audit {
            audit.write(self.event(whose(by), &by.origin, deed, outcome)).await;
        }
    }

    fn event(
        &self,
        (actor, tenant): (String, &Tenant),
        origin: &Origin,
        deed: Deed,
        outcome: Outcome,
    ) -> AuditEvent {
        AuditEvent {
            at: self.clock.now(),
            tenant: Some(tenant.clone()),
            actor,
            action: deed.action.to_owned(),
            target: deed.target,
            address: origin.address.map(|address| address.to_string()),
            request_id: origin.request_id.clone(),
            outcome,
            details: deed.details,
        }
    }
}

/// What the audit log calls somebody, and in whose data they are.
pub(crate) fn whose(by: &Caller) -> (String, &Tenant) {
    (by.actor(), &by.principal.tenant)
}
