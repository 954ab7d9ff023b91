//! Signing in with another service: whoever is known there by issuer and subject, and whoever may come in for the first
//! time.

use codeflow_core::Tenant;

use crate::logins::has_factor;
use crate::users::{is_email, is_line, normal_name};
use crate::{
    CodeTicket, Decision, Error, ErrorKind, Identity, NewUser, Newcomer, Origin, Outcome, SignedIn, User,
    VerifiedIdentity,
};

const NAMES_TRIED: u32 = 20;

/// What the word of another service leads to.
#[derive(Clone, Debug)]
pub enum OutsideSignIn {
    /// The user is signed in.
    Done(SignedIn),
    /// A code of the second factor is needed as well.
    CodeNeeded(CodeTicket),
}

impl Identity {
    /// Signs somebody in for whom another service vouches. If nobody here has that identity and the settings of the service
    /// let new users in, one is made; a name that is taken gets a number. Who has a second factor here needs a code of it
    /// as well: what the other service asked for is not known.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden) when only known users sign in; [`SignInFailed`](ErrorKind::SignInFailed) when the
    /// user is disabled; [`InvalidInput`](ErrorKind::InvalidInput) when the settings name a role that does not exist;
    /// [`Conflict`](ErrorKind::Conflict) when the tenant has too many users or all names are taken;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn sign_in_with(
        &self,
        who: &VerifiedIdentity,
        origin: &Origin,
    ) -> Result<OutsideSignIn, Error> {
        let known = self.store.find_user_by_identity(&who.issuer, &who.subject).await?;
        let user = match (who.user_for(known.as_ref())?, known) {
            (Decision::Known(_), Some(user)) => user,
            (Decision::Known(_), None) => return Err(refused()),
            (Decision::New(newcomer), _) => self.welcome(newcomer, origin).await?,
        };
        if user.disabled {
            return Err(refused());
        }
        if has_factor(&user) {
            return Ok(OutsideSignIn::CodeNeeded(self.ticket(&user, who)?));
        }
        Ok(OutsideSignIn::Done(self.begin(&user, origin, &who.provider).await?))
    }

    async fn welcome(&self, who: Newcomer, origin: &Origin) -> Result<User, Error> {
        if self.store.count_users(None, 1).await? == 0 {
            let text = "nobody comes in before the first administrator is made";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let Newcomer { settings, name, display_name, email, identity } = who;
        let plain: String = display_name.chars().filter(|letter| !letter.is_control()).take(128).collect();
        let wish = NewUser {
            name,
            display_name: if is_line(&display_name, 128) { display_name } else { plain },
            email: email.filter(|email| is_email(email)),
            roles: settings.roles,
            identity: Some(identity),
            ..NewUser::default()
        };
        self.check_wish(&settings.tenant, &wish).await?;
        self.check_room(&settings.tenant).await?;
        let user = self.add_newcomer(settings.tenant, wish).await?;
        let mut event = self.event(origin, "user.create", Outcome::Done);
        event.tenant = Some(user.tenant.clone());
        (event.actor, event.target) = (user.id.to_string(), user.id.to_string());
        self.write(event).await;
        Ok(user)
    }

    /// Somebody may have the name, and the same person may come in twice at once.
    async fn add_newcomer(&self, tenant: Tenant, wish: NewUser) -> Result<User, Error> {
        let mut taken = None;
        for number in 1..=NAMES_TRIED {
            let name = numbered(&normal_name(&wish.name), number);
            match self.add_user(tenant.clone(), NewUser { name, ..wish.clone() }).await {
                Err(error) if error.kind() == ErrorKind::Conflict => taken = Some(error),
                added => return added,
            }
            if let Some((issuer, subject)) = &wish.identity
                && let Some(user) = self.store.find_user_by_identity(issuer, subject).await?
            {
                return Ok(user);
            }
        }
        Err(taken.unwrap_or_else(refused))
    }
}

/// A name with a number from two on, no longer than names may be.
fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let start: String = name.chars().take(60).collect();
    format!("{start}-{number}")
}

pub(crate) fn refused() -> Error {
    Error::new(ErrorKind::SignInFailed, "this user may not sign in")
}
