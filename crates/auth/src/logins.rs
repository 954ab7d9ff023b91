//! Signing in: the password, the second factor, and what is handed out for them. Names that nobody has, wrong passwords
//! and disabled users get one answer, after the same work.

use std::fmt;

use codeflow_core::{LoginId, Timestamp, UserId};
use secrecy::SecretString;
use serde_json::Value;

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
        let (turn, ticket) = self.turn(&name, origin).await?;
        let user = if is_name(&name) { self.store.find_user_by_name(&name).await? } else { None };
        let hash = user.as_ref().and_then(|user| user.password.as_deref());
        let proven = self.passwords.verify(&ticket, &ask.password, hash).await?;
        let user = match user {
            Some(user) if proven && !user.disabled => user,
            user => return Err(self.failed(&turn, ErrorKind::WrongPassword, user.as_ref(), origin)),
        };
        let outdated = user.password.as_deref().is_some_and(|hash| self.passwords.is_outdated(hash));
        let renewed = if outdated { Some(self.passwords.hash(&ticket, &ask.password).await?) } else { None };
        let accepted = self.accept(user, (ask.code.as_deref(), renewed.as_deref()), origin).await?;
        self.succeeded(&turn).await?;
        self.begin(&accepted, origin, "password").await
    }

    /// Checks the second factor of a user who proved the rest, and writes what changes by that: the code that is used up, a
    /// hash that is made anew, failures that are forgotten.
    pub(crate) async fn accept(
        &self,
        mut user: User,
        (code, renewed): (Option<&str>, Option<&str>),
        origin: &Origin,
    ) -> Result<User, Error> {
        let turn = self.code_turn(&user, origin).await?;
        let (password, identity) = (user.password.clone(), user.identity.clone());
        for _ in 0..TRIES {
            let mut after = user.clone();
            if !self.use_code(&mut after, code)? {
                return Err(self.failed(&turn, ErrorKind::WrongSecondFactor, Some(&user), origin));
            }
            if let Some(renewed) = renewed {
                after.password = Some(renewed.to_owned());
            }
            let changes = after != user;
            if !changes || self.store.replace_user(&after).await? {
                after.version += i64::from(changes);
                self.succeeded(&turn).await?;
                return Ok(after);
            }
            let holds = |now: &User| now.password == password && now.identity == identity && !now.disabled;
            match self.store.find_user(user.id).await?.filter(holds) {
                Some(now) => user = now,
                None => break,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the user is being changed"))
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
        self.end_oldest(&login, origin).await?;
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

/// Whether a user signs in with a code as well.
pub(crate) fn has_factor(user: &User) -> bool {
    user.second_factor.as_ref().is_some_and(|factor| factor.confirmed)
}

/// What a program calls itself, short and on one line.
fn plain(agent: &str) -> String {
    agent.chars().filter(|letter| !letter.is_control()).take(AGENT).collect()
}
