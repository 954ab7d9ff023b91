//! The first administrator: made by whoever has the machine, or with a token that is shown once.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codeflow_core::{Tenant, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use crate::roles::BuiltInRole;
use crate::{Caller, Error, ErrorKind, Identity, NewUser, Origin, User, Vault};

const TOKEN: &str = "first administrator token";
const CLAIM: &str = "first administrator claim";
const TOKEN_HOLDS: Duration = Duration::from_secs(24 * 3600);
/// Processes that start together show one token and not one each.
const TOKEN_IS_NEW: Duration = Duration::from_secs(60);
/// Whoever is making the first administrator for so long came to nothing.
const CLAIM_HOLDS: Duration = Duration::from_secs(60);

impl Identity {
    /// Makes the first administrator, in the tenant that is there from the start. That is for whoever has the machine: it
    /// asks for no credential.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) when there are users already, [`InvalidInput`](ErrorKind::InvalidInput),
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn bootstrap(
        &self,
        name: &str,
        password: SecretString,
        origin: &Origin,
    ) -> Result<User, Error> {
        let tenant = Tenant::default();
        let roles = [BuiltInRole::Admin, BuiltInRole::Operator].map(|role| role.as_str().to_owned());
        let wish = NewUser {
            name: name.to_owned(),
            password: Some(password),
            roles: roles.to_vec(),
            ..NewUser::default()
        };
        self.check_wish(&tenant, &wish).await?;
        let claim = self.claim().await?;
        let made = match self.none_yet().await {
            Ok(()) => self.add_user(tenant, wish).await,
            Err(error) => Err(error),
        };
        self.store.take_secret(CLAIM, &claim).await?;
        let user = made?;
        let caller = Caller { origin: origin.clone(), ..Caller::operator(user.tenant.clone()) };
        self.done(&caller, &user.tenant, "user.bootstrap", user.id.to_string()).await;
        Ok(user)
    }

    /// A token that makes the first administrator, to be shown to whoever starts the server: only while there are no
    /// users, and not when another process made one within the last minute. One that was shown before is void.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn first_token(&self) -> Result<Option<SecretString>, Error> {
        if self.store.count_users(None, 1).await? > 0 {
            return Ok(None);
        }
        let now = self.clock.now();
        let token: SecretString = format!("cff_{}", URL_SAFE_NO_PAD.encode(Vault::random::<32>()?)).into();
        let kept = self.stamped(&self.first_digest(&token)?, now);
        let there = self.store.secret(TOKEN, &kept).await?;
        if there == kept {
            return Ok(Some(token));
        }
        if age(&there, now) < TOKEN_IS_NEW || !self.store.take_secret(TOKEN, &there).await? {
            return Ok(None);
        }
        Ok((self.store.secret(TOKEN, &kept).await? == kept).then_some(token))
    }

    /// Makes the first administrator with the token, which is void after that.
    ///
    /// # Errors
    /// [`SignInFailed`](ErrorKind::SignInFailed) when the token is another, and those of [`bootstrap`](Self::bootstrap).
    pub async fn bootstrap_with(
        &self,
        token: &SecretString,
        user: (&str, SecretString),
        origin: &Origin,
    ) -> Result<User, Error> {
        let wrong = || Error::new(ErrorKind::SignInFailed, "the token is wrong or its time is over");
        let now = self.clock.now();
        let digest = self.first_digest(token)?;
        // A value that nobody can have the token of stands in for the one that may not be there.
        let nobodys = self.stamped(&Vault::random::<32>()?, Timestamp::EPOCH);
        let there = self.store.secret(TOKEN, &nobodys).await?;
        let is_right = there.get(8..).is_some_and(|kept| Vault::equal(kept, &digest));
        if !is_right || age(&there, now) > TOKEN_HOLDS {
            return Err(wrong());
        }
        let made = self.bootstrap(user.0, user.1, origin).await?;
        self.store.take_secret(TOKEN, &there).await?;
        Ok(made)
    }

    async fn none_yet(&self) -> Result<(), Error> {
        match self.store.count_users(None, 1).await? {
            0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Conflict, "there are users already")),
        }
    }

    /// Of several at once one goes on.
    async fn claim(&self) -> Result<Vec<u8>, Error> {
        let now = self.clock.now();
        let mine = self.stamped(&Vault::random::<32>()?, now);
        let mut there = self.store.secret(CLAIM, &mine).await?;
        if there != mine && age(&there, now) > CLAIM_HOLDS && self.store.take_secret(CLAIM, &there).await? {
            there = self.store.secret(CLAIM, &mine).await?;
        }
        if there == mine {
            return Ok(mine);
        }
        Err(Error::new(ErrorKind::Conflict, "somebody else makes the first administrator"))
    }

    fn first_digest(&self, token: &SecretString) -> Result<[u8; 32], Error> {
        self.vault.digest(TOKEN, token.expose_secret().as_bytes())
    }

    fn stamped(&self, bytes: &[u8], at: Timestamp) -> Vec<u8> {
        [at.micros().to_be_bytes().as_slice(), bytes].concat()
    }
}

/// How old a value is that says when it was made.
fn age(stamped: &[u8], now: Timestamp) -> Duration {
    let micros = stamped.first_chunk::<8>().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    now.since(Timestamp::from_micros(micros))
}
