//! Signing in: the password, the second factor, and what is handed out for them. Names that nobody has, wrong passwords
//! and disabled users get one answer, after the same work.

use std::fmt;

use codeflow_core::{LoginId, Timestamp, UserId};
use secrecy::SecretString;
use serde_json::Value;

use crate::lockout::Unsaved;
use crate::passwords::Ticket;
use crate::secret_text::RefreshText;
use crate::users::{is_name, normal_name};
use crate::{Error, ErrorKind, Identity, IssuedToken, Login, Origin, Outcome, TokenSubject, User};

const TRIES: usize = 5;
const AGENT: usize = 200;

/// What somebody brings who wants to sign in.
#[derive(Clone)]
pub struct SignIn {
    /// The name of the user.
    pub name: String,
    /// Its password.
    pub password: SecretString,
    /// A code of the second factor, or a recovery code.
    pub code: Option<String>,
}

impl fmt::Debug for SignIn {
    /// Without the code, which may be one of those that are good for longer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What somebody gets who signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user.
    pub user: UserId,
    /// The sign-in.
    pub login: LoginId,
    /// The access token.
    pub access: IssuedToken,
    /// The refresh token, which is exchanged once.
    pub refresh: SecretString,
    /// From when on the refresh token is refused.
    pub refresh_expires_at: Timestamp,
}

impl Identity {
    /// Signs a user in.
    ///
    /// # Errors
    /// [`WrongPassword`](ErrorKind::WrongPassword), whatever of the name and the password is wrong;
    /// [`SecondFactorNeeded`](ErrorKind::SecondFactorNeeded) and [`WrongSecondFactor`](ErrorKind::WrongSecondFactor) only
    /// after the right password; [`LockedOut`](ErrorKind::LockedOut); [`Unavailable`](ErrorKind::Unavailable), also when
    /// too many sign in at once.
    pub async fn sign_in(&self, ask: SignIn, origin: &Origin) -> Result<SignedIn, Error> {
        let name: String = normal_name(&ask.name).chars().take(128).collect();
        self.lockout.check(&name, origin.address, self.clock.now())?;
        let ticket = self.passwords.admit()?;
        let _turn = self.turn(&name).await;
        self.lockout.check(&name, origin.address, self.clock.now())?;
        let user = if is_name(&name) { self.store.find_user_by_name(&name).await? } else { None };
        self.lockout.check_user(user.as_ref(), self.clock.now())?;
        let hash = user.as_ref().and_then(|user| user.password.as_deref());
        let proven = self.passwords.verify(&ticket, &ask.password, hash).await?;
        let user = match user {
            Some(user) if proven && !user.disabled => user,
            user => return Err(self.failed(ErrorKind::WrongPassword, (&name, user.as_ref()), origin)),
        };
        let user = match self.accept(user, &ask, &ticket).await {
            Ok(user) => user,
            Err(Refused::Counted(user)) => {
                return Err(self.failed(ErrorKind::WrongSecondFactor, (&name, Some(&user)), origin));
            }
            Err(Refused::Other(error)) => return Err(error),
        };
        self.lockout.succeeded(&name);
        self.begin(&user, origin, "password").await
    }

    /// Counts a failure, notes it, and makes the answer. Whether the user exists changes nothing of what is done here.
    pub(crate) fn failed(&self, kind: ErrorKind, about: (&str, Option<&User>), origin: &Origin) -> Error {
        let wait = self.lockout.failed(about, origin.address, self.clock.now());
        let mut event = self.event(origin, "login.create", Outcome::Refused);
        event.tenant = about.1.map(|user| user.tenant.clone());
        // What was given for a name that nobody has is not kept: people type passwords there.
        event.actor = about.1.map_or_else(|| "nobody".to_owned(), |user| user.id.to_string());
        event.target.clone_from(&event.actor);
        event.details.insert("reason".to_owned(), Value::from(kind.code()));
        if !wait.is_zero() {
            event.details.insert("locked_for_seconds".to_owned(), Value::from(wait.as_secs()));
        }
        self.audit().note(event);
        let text = if kind == ErrorKind::WrongSecondFactor {
            "the code is wrong, or was used before"
        } else {
            "the name or the password is wrong"
        };
        Error::new(kind, text)
    }

    /// Tells storage of failures that only this process knows. What it cannot be told now it is told the next time.
    pub(crate) async fn save_failures(&self) -> Result<(), Error> {
        let all = self.lockout.unsaved();
        for (place, unsaved) in all.iter().enumerate() {
            if let Err(error) = self.save_failures_of(unsaved).await {
                self.lockout.keep_unsaved(&all[place..]);
                return Err(error);
            }
        }
        Ok(())
    }

    async fn save_failures_of(&self, unsaved: &Unsaved) -> Result<(), Error> {
        if !is_name(&unsaved.name) {
            return Ok(());
        }
        let Some(user) = self.store.find_user_by_name(&unsaved.name).await? else { return Ok(()) };
        let now = self.clock.now();
        let saved = self.change(user.id, None, |user| {
            user.failures = self.lockout.saved(user, now).saturating_add(unsaved.count);
            user.locked_until = user.locked_until.max(Some(unsaved.until));
            Ok(())
        });
        match saved.await {
            // It was removed meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            saved => saved.map(drop),
        }
    }

    /// Checks the second factor of a user whose password is right, and writes what changes by that: the code that is used
    /// up, failures that are forgotten, a hash that is made anew.
    async fn accept(&self, mut user: User, ask: &SignIn, ticket: &Ticket) -> Result<User, Refused> {
        let password = user.password.clone();
        let outdated = password.as_deref().is_some_and(|hash| self.passwords.is_outdated(hash));
        let renewed = if outdated { Some(self.passwords.hash(ticket, &ask.password).await?) } else { None };
        for _ in 0..TRIES {
            let mut after = user.clone();
            if !self.use_code(&mut after, ask.code.as_deref())? {
                return Err(Refused::Counted(Box::new(user)));
            }
            (after.failures, after.locked_until) = (0, None);
            if let Some(renewed) = &renewed {
                after.password = Some(renewed.clone());
            }
            if after == user {
                return Ok(user);
            }
            if self.store.replace_user(&after).await? {
                after.version += 1;
                return Ok(after);
            }
            user = match self.store.find_user(user.id).await? {
                Some(now) if now.password == password && !now.disabled => now,
                Some(_) | None => break,
            };
        }
        let text = "the user is being changed";
        Err(Refused::Other(Error::new(ErrorKind::Unavailable, text)))
    }

    /// Begins a sign-in.
    pub(crate) async fn begin(&self, user: &User, origin: &Origin, with: &str) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        let id = LoginId::generate(&*self.ids);
        let token = RefreshText::make(id, 0)?;
        let expires_at = self.login_end(now, now);
        let login = Login {
            id,
            user: user.id,
            tenant: user.tenant.clone(),
            generation: 0,
            digest: token.kept(&self.vault)?.to_vec(),
            created_at: now,
            used_at: now,
            expires_at,
            ended_at: None,
            address: origin.address.map(|address| address.to_string()),
            agent: origin.agent.as_ref().map(|agent| plain(agent)),
        };
        self.store.add_login(&login).await?;
        self.prove_again(user, id).await?;
        let mut event = self.event(origin, "login.create", Outcome::Done);
        event.tenant = Some(user.tenant.clone());
        (event.actor, event.target) = (user.id.to_string(), id.to_string());
        event.details.insert("with".to_owned(), Value::from(with));
        self.write(event).await;
        self.hand_out(&login, &token).await
    }

    /// Looks at the user once more after the sign-in is kept: whoever changed the password, disabled the user or confirmed a
    /// second factor before that ends the sign-ins that are there, and this one was not; whoever does so later ends it.
    async fn prove_again(&self, seen: &User, login: LoginId) -> Result<(), Error> {
        let holds = |now: &User| {
            let has_factor = |user: &User| user.second_factor.as_ref().is_some_and(|factor| factor.confirmed);
            now.password == seen.password && !now.disabled && (has_factor(seen) || !has_factor(now))
        };
        if self.store.find_user(seen.id).await?.as_ref().is_some_and(holds) {
            return Ok(());
        }
        self.store.end_login(login, self.clock.now()).await?;
        Err(Error::new(ErrorKind::Unavailable, "the user is being changed"))
    }

    /// The tokens of a sign-in.
    pub(crate) async fn hand_out(&self, login: &Login, token: &RefreshText) -> Result<SignedIn, Error> {
        let subject = TokenSubject { user: login.user, tenant: login.tenant.clone(), login: login.id };
        Ok(SignedIn {
            user: login.user,
            login: login.id,
            access: self.tokens.issue(&subject).await?,
            refresh: token.write(&self.vault)?,
            refresh_expires_at: login.expires_at,
        })
    }

    /// When a sign-in is over that began then and is used now.
    pub(crate) fn login_end(&self, began: Timestamp, now: Timestamp) -> Timestamp {
        now.after(self.settings.login_idle).min(began.after(self.settings.login_longest))
    }
}

/// Why the right password is not enough.
enum Refused {
    /// The code is wrong, which counts.
    Counted(Box<User>),
    /// Something else.
    Other(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// What a program calls itself, short and on one line.
fn plain(agent: &str) -> String {
    agent.chars().filter(|letter| !letter.is_control()).take(AGENT).collect()
}
