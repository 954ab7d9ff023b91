//! Roles: those that are built in, those that tenants make, and what a user may do by theirs.

use std::collections::HashMap;
use std::sync::Arc;

use codeflow_core::{Tenant, Timestamp};

use crate::{Caller, Error, ErrorKind, Identity, Permission, Permissions, Role, Target, User, users};

/// A role that every tenant has, and nobody can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuiltInRole {
    /// Everything, in all tenants.
    Operator,
    /// Everything, in its tenant.
    Admin,
    /// Calls models, writes, starts and decides.
    User,
    /// Looks.
    Viewer,
}

/// The permissions of the custom roles of one tenant, by name.
pub(crate) type CustomRoles = Arc<HashMap<String, Permissions>>;

/// A role as it is wished for.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// Whose it is; `None`: the caller's tenant.
    pub tenant: Option<Tenant>,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What is in it.
    pub permissions: Vec<Permission>,
}

impl BuiltInRole {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Admin, Self::User, Self::Viewer];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// What is in it.
    pub fn permissions(self) -> Permissions {
        use Permission as P;
        let looks = [
            P::AccountManage,
            P::ProvidersRead,
            P::UsageRead,
            P::WorkflowsRead,
            P::ExecutionsRead,
            P::ConnectionsRead,
        ];
        let does = [
            P::ModelsCall,
            P::WorkflowsWrite,
            P::ExecutionsStart,
            P::ExecutionsControl,
            P::ExecutionsApprove,
        ];
        match self {
            Self::Operator => Permissions::all(),
            // Limits and failures are those of the whole installation.
            Self::Admin => {
                let of_all = [P::TenantsAll, P::LimitsRead, P::LimitsWrite, P::ErrorsRead];
                Permissions::all().without(Permissions::from_iter(of_all))
            }
            Self::User => looks.into_iter().chain(does).collect(),
            Self::Viewer => looks.into_iter().collect(),
        }
    }

    fn role(self, tenant: &Tenant) -> Role {
        let description = match self {
            Self::Operator => "Everything, in all tenants.",
            Self::Admin => "Everything in the tenant.",
            Self::User => "Calls models, writes workflows, starts executions and decides in them.",
            Self::Viewer => "Looks.",
        };
        Role {
            tenant: tenant.clone(),
            name: self.as_str().to_owned(),
            description: description.to_owned(),
            permissions: self.permissions().iter().collect(),
            changed_at: Timestamp::EPOCH,
        }
    }
}

/// Whether a user can do everything in its tenant, at this moment.
pub(crate) fn is_admin(user: &User) -> bool {
    let all = [BuiltInRole::Admin.as_str(), BuiltInRole::Operator.as_str()];
    !user.disabled && user.roles.iter().any(|role| all.contains(&role.as_str()))
}

impl Identity {
    /// The roles of a tenant, the built-in ones first.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list_roles(&self, caller: &Caller, tenant: Option<Tenant>) -> Result<Vec<Role>, Error> {
        caller.principal.require(Permission::RolesRead)?;
        let tenant = caller.tenant(tenant)?;
        let mut roles: Vec<Role> = BuiltInRole::ALL.iter().map(|role| role.role(&tenant)).collect();
        roles.extend(self.store.roles(&tenant).await?);
        Ok(roles)
    }

    /// Adds or replaces a custom role. Nobody puts into a role what they may not do themselves, nor changes a role that
    /// has such a thing.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a name that is none or is built in, [`Conflict`](ErrorKind::Conflict)
    /// when there are too many, [`Forbidden`](ErrorKind::Forbidden),
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn put_role(&self, caller: &Caller, wish: NewRole) -> Result<Role, Error> {
        caller.principal.require(Permission::RolesWrite)?;
        let tenant = caller.tenant(wish.tenant)?;
        let problems = role_problems(&wish.name, &wish.description);
        if !problems.is_empty() {
            return Err(Error::fields(problems));
        }
        let permissions: Permissions = wish.permissions.iter().copied().collect();
        caller.covers(permissions)?;
        let there = self.custom_roles(&tenant).await?;
        caller.covers(there.get(&wish.name).copied().unwrap_or_default())?;
        let most = self.settings.caps.roles_of_tenant;
        if there.len() >= usize::try_from(most).unwrap_or(usize::MAX) && !there.contains_key(&wish.name) {
            let text = format!("a tenant has at most {most} roles of its own");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        let role = Role {
            tenant,
            name: wish.name,
            description: wish.description,
            permissions: permissions.iter().collect(),
            changed_at: self.clock.now(),
        };
        self.store.put_role(&role).await?;
        self.revoke(&[Target::Roles]).await?;
        self.done(caller, &role.tenant, "role.put", role.name.clone()).await;
        Ok(role)
    }

    /// Removes a custom role that nobody has.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) while a user has it, [`Forbidden`](ErrorKind::Forbidden),
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn remove_role(
        &self,
        caller: &Caller,
        tenant: Option<Tenant>,
        name: &str,
    ) -> Result<(), Error> {
        caller.principal.require(Permission::RolesWrite)?;
        let tenant = caller.tenant(tenant)?;
        let none = || Error::new(ErrorKind::NotFound, "there is no such role");
        let permissions = self.custom_roles(&tenant).await?.get(name).copied().ok_or_else(none)?;
        caller.covers(permissions)?;
        if !self.store.remove_role(&tenant, name).await? {
            return Err(none());
        }
        self.revoke(&[Target::Roles]).await?;
        self.done(caller, &tenant, "role.remove", name.to_owned()).await;
        Ok(())
    }

    /// What a user may do by its roles. A role that does not exist gives nothing.
    pub(crate) async fn permissions(&self, user: &User) -> Result<Permissions, Error> {
        self.role_permissions(&user.tenant, &user.roles).await
    }

    pub(crate) async fn role_permissions(
        &self,
        tenant: &Tenant,
        roles: &[String],
    ) -> Result<Permissions, Error> {
        let mut all = Permissions::NONE;
        for name in roles {
            let permissions = match BuiltInRole::from_name(name) {
                Some(role) => role.permissions(),
                None => self.custom_roles(tenant).await?.get(name).copied().unwrap_or_default(),
            };
            all = all.or(permissions);
        }
        Ok(all)
    }

    /// Those of the names that are no role of the tenant.
    pub(crate) async fn unknown_role(
        &self,
        tenant: &Tenant,
        names: &[String],
    ) -> Result<Option<String>, Error> {
        let custom = self.custom_roles(tenant).await?;
        let is_known = |name: &String| BuiltInRole::from_name(name).is_some() || custom.contains_key(name);
        Ok(names.iter().find(|name| !is_known(name)).cloned())
    }

    async fn custom_roles(&self, tenant: &Tenant) -> Result<CustomRoles, Error> {
        let now = self.clock.now();
        if let Some(roles) = self.caches.roles.find(tenant, now) {
            return Ok(roles);
        }
        let epoch = self.caches.roles.epoch();
        let roles = self.store.roles(tenant).await?.into_iter();
        let roles = roles.map(|role| (role.name, role.permissions.into_iter().collect())).collect();
        let roles: CustomRoles = Arc::new(roles);
        let until = now.after(self.settings.remembered_for);
        self.caches.roles.put(epoch, tenant.clone(), Arc::clone(&roles), (now, until));
        Ok(roles)
    }
}

fn role_problems(name: &str, description: &str) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut say = |field: &str, what: &str| problems.push((field.to_owned(), what.to_owned()));
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(is_plain) {
        say("name", "the name of a role has 1 to 64 lower-case letters, digits, `-` and `_`");
    } else if BuiltInRole::from_name(name).is_some() {
        say("name", "this role is built in");
    }
    if !users::is_line(description, 256) {
        say("description", "a description has at most 256 characters, on one line");
    }
    problems
}
