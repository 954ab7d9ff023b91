//! What the paths under `/api` ask of the audit log: that it takes what somebody did.

use async_trait::async_trait;
use codeflow_auth::{AuditEvent, AuditLog};

/// Takes what somebody did. What was done is done: that its entry has to wait is logged, and is no failure of it.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes an event, and waits until that is done or cannot be.
    async fn write(&self, event: AuditEvent);

    /// Has an event written soon.
    fn note(&self, event: AuditEvent);
}

#[async_trait]
impl Audit for AuditLog {
    async fn write(&self, event: AuditEvent) {
        if let Err(error) = Self::write(self, event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be written");
        }
    }

    fn note(&self, event: AuditEvent) {
        Self::note(self, event);
    }
}
