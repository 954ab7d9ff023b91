//! The audit log in memory.

use async_trait::async_trait;
use codeflow_auth::{AuditEntry, AuditEvent, AuditFilter, AuditStore, Error, ErrorKind, Page};

use super::{MemoryIdentity, page};

/// Who and what are kept to this length, in characters.
const LONGEST: usize = 256;

fn short(text: &str) -> String {
    text.replace('\0', "\u{fffd}").chars().take(LONGEST).collect()
}

/// What comes from outside may hold a zero character, which no database takes; the log takes what happened anyway.
fn clean(event: AuditEvent) -> AuditEvent {
    let clean = |text: String| text.replace('\0', "\u{fffd}");
    AuditEvent {
        actor: short(&event.actor),
        action: short(&event.action),
        target: clean(event.target),
        address: event.address.map(clean),
        request_id: event.request_id.map(clean),
        ..event
    }
}

fn is_wanted(filter: &AuditFilter, event: &AuditEvent) -> bool {
    let AuditFilter { tenant, actor, action, since, until } = filter;
    tenant.as_ref().is_none_or(|tenant| event.tenant.as_ref() == Some(tenant))
        && actor.as_ref().is_none_or(|actor| event.actor == short(actor))
        && action.as_ref().is_none_or(|action| event.action == short(action))
        && since.is_none_or(|since| event.at >= since)
        && until.is_none_or(|until| event.at < until)
}

#[async_trait]
impl AuditStore for MemoryIdentity {
    async fn append_audit(
        &self,
        events: Vec<AuditEvent>,
        chain: fn(i64, [u8; 32], AuditEvent) -> AuditEntry,
    ) -> Result<(), Error> {
        let mut model = self.open()?;
        let (mut position, mut hash) =
            model.audit.last().map_or((0, [0; 32]), |last| (last.position, last.hash));
        let mut entries = Vec::new();
        for event in events {
            let entry = chain(position + 1, hash, clean(event));
            if entry.position != position + 1 || entry.previous != hash {
                return Err(Error::new(ErrorKind::Internal, "an entry of the audit log is not in its place"));
            }
            (position, hash) = (entry.position, entry.hash);
            entries.push(entry);
        }
        model.audit.extend(entries);
        Ok(())
    }

    async fn audit(&self, filter: &AuditFilter, wanted: Page<i64>) -> Result<Vec<AuditEntry>, Error> {
        let model = self.open()?;
        let entries = model.audit.iter().map(|entry| (entry.position, entry));
        Ok(page(entries, &wanted, |entry| is_wanted(filter, &entry.event)))
    }
}
