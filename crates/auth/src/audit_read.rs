//! The audit log as callers read it: that of their tenant.

use crate::{AuditEntry, AuditFilter, AuditVerdict, Caller, Error, Identity, Page, Permission};

impl Identity {
    /// Entries of the audit log of a tenant; of all with `tenants:all`, when the filter names none.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`NotFound`](crate::ErrorKind::NotFound),
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn list_audit(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        page: Page<i64>,
    ) -> Result<Vec<AuditEntry>, Error> {
        caller.principal.require(Permission::AuditRead)?;
        let all = filter.tenant.is_none() && caller.principal.permissions.has(Permission::TenantsAll);
        let tenant = if all { None } else { Some(caller.tenant(filter.tenant.clone())?) };
        self.store.audit(&AuditFilter { tenant, ..filter }, page).await
    }

    /// Walks through the whole audit log, that of all tenants, and says where it was changed.
    ///
    /// # Errors
    /// [`Forbidden`](crate::ErrorKind::Forbidden), [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditVerdict, Error> {
        caller.principal.require(Permission::AuditRead)?;
        caller.principal.require(Permission::TenantsAll)?;
        self.audit().verify().await
    }
}
