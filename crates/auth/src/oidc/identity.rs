//! Who somebody is, as another service vouches for, and what that means for the users here.

use codeflow_core::UserId;

use super::settings::{NewUsers, ProviderSettings};
use crate::{Error, ErrorKind, User};

/// Somebody for whom another service vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedIdentity {
    /// The name of the service in the settings.
    pub provider: String,
    /// The issuer under which they are remembered.
    pub issuer: String,
    /// What the issuer calls them; it never changes, as names and addresses do.
    pub subject: String,
    /// What people call them.
    pub name: Option<String>,
    /// Their address.
    pub email: Option<String>,
    /// Whether the service saw that the address is theirs.
    pub email_verified: bool,
    /// What becomes of them if they have never been here; `None`: nothing.
    pub new_users: Option<NewUsers>,
}

/// What a sign-in with another service leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// This user signs in.
    Known(UserId),
    /// A user is made.
    New(Newcomer),
}

/// A user to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    /// Its tenant and roles.
    pub settings: NewUsers,
    /// A name to sign in with, in lower case; somebody may have it already.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// A confirmed address.
    pub email: Option<String>,
    /// The issuer and its subject.
    pub identity: (String, String),
}

impl VerifiedIdentity {
    /// What this sign-in leads to, given the user that has this identity. A user is only ever found by issuer and subject:
    /// an address proves nothing about a user of ours who happens to have the same.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) when nobody has this identity and only known users sign in;
    /// [`Internal`](ErrorKind::Internal) when the user handed in has another one.
    pub fn user_for(&self, existing: Option<&User>) -> Result<Decision, Error> {
        let identity = (self.issuer.clone(), self.subject.clone());
        if let Some(user) = existing {
            return match &user.identity {
                Some(theirs) if *theirs == identity => Ok(Decision::Known(user.id)),
                Some(_) | None => Err(Error::new(ErrorKind::Internal, "this user has another identity")),
            };
        }
        let Some(settings) = self.new_users.clone() else {
            return Err(Error::new(ErrorKind::Forbidden, "only known users sign in with this service"));
        };
        let email = self.email.clone().filter(|_| self.email_verified);
        let name = self.name_to_sign_in(email.as_deref());
        let display_name = self.name.clone().unwrap_or_else(|| name.clone());
        Ok(Decision::New(Newcomer { settings, name, display_name, email, identity }))
    }

    fn name_to_sign_in(&self, email: Option<&str>) -> String {
        let wanted = email.or(self.name.as_deref()).unwrap_or(&self.subject).to_lowercase();
        let plain =
            |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | '@' | '+');
        let name: String = wanted.chars().filter(plain).take(64).collect();
        if name.is_empty() { self.provider.clone() } else { name }
    }

    /// Refuses who has no confirmed address in one of the domains that settings allow.
    pub(super) fn admit(self, settings: &ProviderSettings) -> Result<Self, Error> {
        let domain = self.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        let listed = |domain: &str| settings.email_domains.iter().any(|one| one.eq_ignore_ascii_case(domain));
        if settings.email_domains.is_empty() || (self.email_verified && domain.is_some_and(listed)) {
            return Ok(self);
        }
        Err(Error::new(ErrorKind::Forbidden, "with this address nobody signs in here"))
    }
}
