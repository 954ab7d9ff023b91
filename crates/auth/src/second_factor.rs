//! The second factor: codes by time, each used once, and codes for the day on which the device is lost.

use codeflow_core::UserId;
use secrecy::SecretString;

use crate::logins::has_factor;
use crate::password_changes::same_password;
use crate::{Caller, Error, ErrorKind, Identity, Permission, SecondFactor, Target, User, Vault, totp};

const PURPOSE: &str = "second factor";
const SECRET: usize = 20;
const RECOVERY_CODES: usize = 10;

/// What a device needs to make codes.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// The secret in base 32, to be typed.
    pub secret: SecretString,
    /// The secret as an `otpauth` address, to be shown as a picture.
    pub uri: SecretString,
}

impl Identity {
    /// Begins to set up the caller's second factor. It holds when a code confirms it. It takes the password, which counts
    /// like one at a sign-in when it is wrong: with a token alone, whoever found it could lock its owner out. Who has no
    /// password, and signs in with another service, needs a sign-in of the last five minutes.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) without the password, [`WrongPassword`](ErrorKind::WrongPassword),
    /// [`LockedOut`](ErrorKind::LockedOut), [`Conflict`](ErrorKind::Conflict) when there is one already,
    /// [`Forbidden`](ErrorKind::Forbidden), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn begin_second_factor(
        &self,
        caller: &Caller,
        password: Option<&SecretString>,
    ) -> Result<Enrolment, Error> {
        caller.principal.require(Permission::AccountManage)?;
        let proven = self.prove_self(caller, password).await?;
        let secret = Vault::random::<SECRET>()?;
        let sealed = self.vault.seal(PURPOSE, &secret)?;
        let begun = SecondFactor { secret: sealed, confirmed: false, last_step: 0, recovery: Vec::new() };
        let (_, user) = self
            .change(proven.id, None, |user| {
                same_password(&proven, user)?;
                if has_factor(user) {
                    return Err(Error::new(ErrorKind::Conflict, "there is a second factor already"));
                }
                user.second_factor = Some(begun.clone());
                Ok(())
            })
            .await?;
        let uri = totp::uri(&self.settings.service, &user.name, &secret);
        Ok(Enrolment { secret: totp::base32(&secret).into(), uri })
    }

    /// Confirms the caller's second factor, ends all their other sign-ins, which were made without it, and hands out the
    /// recovery codes, each of which signs in once. The access token at hand is void as well; its refresh token is not.
    ///
    /// # Errors
    /// [`WrongSecondFactor`](ErrorKind::WrongSecondFactor), [`LockedOut`](ErrorKind::LockedOut),
    /// [`Conflict`](ErrorKind::Conflict) when none waits to be confirmed, [`Forbidden`](ErrorKind::Forbidden),
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn confirm_second_factor(
        &self,
        caller: &Caller,
        code: &str,
    ) -> Result<Vec<SecretString>, Error> {
        caller.principal.require(Permission::AccountManage)?;
        let codes = recovery_codes()?;
        let kept: Vec<_> = codes.iter().map(|one| self.recovery(one)).collect::<Result<_, _>>()?;
        let now = self.clock.now();
        let user = self
            .with_code(caller, |user| {
                let none = || Error::new(ErrorKind::Conflict, "no second factor waits to be confirmed");
                let factor = user.second_factor.as_mut().filter(|one| !one.confirmed).ok_or_else(none)?;
                let secret = self.vault.open(PURPOSE, &factor.secret)?;
                let step = totp::find(&secret, code, now, factor.last_step).ok_or_else(wrong)?;
                (factor.confirmed, factor.last_step, factor.recovery) = (true, step, kept.clone());
                Ok(())
            })
            .await?;
        self.end_all(user.id, Self::current(&caller.principal.credential)).await?;
        self.revoke(&[Target::User(user.id)]).await?;
        self.done(caller, &user.tenant, "second_factor.create", user.id.to_string()).await;
        Ok(codes.into_iter().map(Into::into).collect())
    }

    /// Takes the caller's second factor away; a code or a recovery code is needed for that.
    ///
    /// # Errors
    /// [`WrongSecondFactor`](ErrorKind::WrongSecondFactor), [`LockedOut`](ErrorKind::LockedOut),
    /// [`Conflict`](ErrorKind::Conflict) when there is none, [`Forbidden`](ErrorKind::Forbidden),
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn disable_second_factor(&self, caller: &Caller, code: &str) -> Result<(), Error> {
        caller.principal.require(Permission::AccountManage)?;
        let user = self
            .with_code(caller, |user| {
                if !has_factor(user) {
                    return Err(Error::new(ErrorKind::Conflict, "there is no second factor"));
                }
                if !self.use_code(user, Some(code))? {
                    return Err(wrong());
                }
                user.second_factor = None;
                Ok(())
            })
            .await?;
        self.done(caller, &user.tenant, "second_factor.remove", user.id.to_string()).await;
        Ok(())
    }

    /// Takes the second factor of another user away, who lost the device and the codes.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), also for one's own; [`NotFound`](ErrorKind::NotFound);
    /// [`Conflict`](ErrorKind::Conflict); [`Unavailable`](ErrorKind::Unavailable).
    pub async fn reset_second_factor(&self, caller: &Caller, id: UserId) -> Result<(), Error> {
        caller.principal.require(Permission::UsersWrite)?;
        if caller.principal.user == Some(id) {
            let text = "one's own second factor is taken away with one of its codes";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let (user, _) = self
            .change(id, Some(caller), |user| {
                user.second_factor = None;
                Ok(())
            })
            .await?;
        self.done(caller, &user.tenant, "second_factor.reset", id.to_string()).await;
        Ok(())
    }

    /// Whether the user has no second factor, or this code is one of it, which is used up by that. It is for the caller to
    /// write the user: if somebody else did so meanwhile, the code has to be looked at again.
    pub(crate) fn use_code(&self, user: &mut User, code: Option<&str>) -> Result<bool, Error> {
        let Some(factor) = user.second_factor.as_mut().filter(|factor| factor.confirmed) else {
            return Ok(true);
        };
        let needed = || Error::new(ErrorKind::SecondFactorNeeded, "a code of the second factor is needed");
        let code: String =
            code.ok_or_else(needed)?.chars().filter(|one| !one.is_whitespace()).take(64).collect();
        let secret = self.vault.open(PURPOSE, &factor.secret)?;
        if let Some(step) = totp::find(&secret, &code, self.clock.now(), factor.last_step) {
            factor.last_step = step;
            return Ok(true);
        }
        let digest = self.recovery(&code.to_ascii_lowercase())?;
        let before = factor.recovery.len();
        factor.recovery.retain(|kept| !Vault::equal(kept, &digest));
        Ok(factor.recovery.len() < before)
    }

    /// Changes the caller's own user with a code. A wrong one counts like one at a sign-in.
    async fn with_code(
        &self,
        caller: &Caller,
        with: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        let user = self.visible_user(caller, caller.signed_in()?).await?;
        let turn = self.code_turn(&user, &caller.origin).await?;
        match self.change(user.id, None, with).await {
            Ok((_, after)) => Ok(after),
            Err(error) if error.kind() == ErrorKind::WrongSecondFactor => {
                Err(self.failed(&turn, ErrorKind::WrongSecondFactor, Some(&user), &caller.origin))
            }
            Err(error) => Err(error),
        }
    }

    fn recovery(&self, code: &str) -> Result<Vec<u8>, Error> {
        Ok(self.vault.digest("recovery code", code.as_bytes())?.to_vec())
    }
}

/// Codes of sixteen characters, eighty bits each.
fn recovery_codes() -> Result<Vec<String>, Error> {
    let code = || Ok(totp::base32(&Vault::random::<10>()?).to_ascii_lowercase());
    (0..RECOVERY_CODES).map(|_| code()).collect()
}

fn wrong() -> Error {
    Error::new(ErrorKind::WrongSecondFactor, "the code is wrong, or was used before")
}
