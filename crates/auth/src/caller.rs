//! Who asks for something to be done, and from where.

use std::net::IpAddr;
use std::sync::Arc;

use codeflow_core::{Tenant, UserId};

use crate::{Credential, Error, ErrorKind, Permission, Permissions, Principal};

/// From where a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The program, as it calls itself.
    pub agent: Option<String>,
    /// What the logs call the request.
    pub request_id: Option<String>,
}

/// Whoever asks, and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Arc<Principal>,
    /// From where.
    pub origin: Origin,
}

impl Caller {
    /// Whoever runs commands on the machine of the server: everything may be done, in this tenant.
    pub fn operator(tenant: Tenant) -> Self {
        let name: Arc<str> = "operator".into();
        let principal = Principal {
            tenant,
            name: Arc::clone(&name),
            user: None,
            credential: Credential::Settings(name),
            permissions: Permissions::all(),
            models: None,
            tier: "authenticated".into(),
            requests_per_minute: None,
            tokens_per_minute: None,
        };
        Self { principal: Arc::new(principal), origin: Origin::default() }
    }

    /// What the audit log calls them: the user or the key by id.
    pub fn actor(&self) -> String {
        match (&self.principal.credential, self.principal.user) {
            (Credential::Token(_), Some(user)) => user.to_string(),
            (Credential::Token(login), None) => login.to_string(),
            (Credential::Key(key), _) => key.to_string(),
            (Credential::Settings(name), _) => name.to_string(),
        }
    }

    /// The user that they are, for what only somebody does who has signed in: a key that got lost must not lock its owner
    /// out.
    pub(crate) fn signed_in(&self) -> Result<UserId, Error> {
        match (&self.principal.credential, self.principal.user) {
            (Credential::Token(_), Some(user)) => Ok(user),
            (Credential::Token(_) | Credential::Key(_) | Credential::Settings(_), _) => {
                Err(Error::new(ErrorKind::Forbidden, "this needs a sign-in, and no key"))
            }
        }
    }

    /// The tenant that is asked for, or their own.
    pub(crate) fn tenant(&self, asked: Option<Tenant>) -> Result<Tenant, Error> {
        let tenant = asked.unwrap_or_else(|| self.principal.tenant.clone());
        if self.principal.may_see(&tenant) {
            return Ok(tenant);
        }
        Err(Error::new(ErrorKind::NotFound, "there is no such tenant here"))
    }

    /// That they may do all of this themselves, and so may give it to others.
    pub(crate) fn covers(&self, permissions: Permissions) -> Result<(), Error> {
        match permissions.without(self.principal.permissions).iter().next() {
            None => Ok(()),
            Some(lacking) => {
                let text = format!("this reaches the permission `{lacking}`, which you do not have");
                Err(Error::new(ErrorKind::Forbidden, text))
            }
        }
    }

    /// That they may give somebody a password: not with a key, whose end, models and limits a sign-in would not have.
    pub(crate) fn gives_passwords(&self) -> Result<(), Error> {
        match self.principal.credential {
            Credential::Key(_) => {
                Err(Error::new(ErrorKind::Forbidden, "a key gives nobody a password; sign in for that"))
            }
            Credential::Token(_) | Credential::Settings(_) => Ok(()),
        }
    }

    /// That it is about themselves and they may manage that, or that they have this permission.
    pub(crate) fn may(&self, about: Option<UserId>, permission: Permission) -> Result<(), Error> {
        let own = about.is_some() && about == self.principal.user;
        if own && self.principal.permissions.has(Permission::AccountManage) {
            return Ok(());
        }
        self.principal.require(permission)
    }
}
