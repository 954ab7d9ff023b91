//! Users as they are shown: with what is not kept with them.

use std::collections::HashMap;

use codeflow_core::Timestamp;

use crate::lockout::NameKey;
use crate::users::no_user;
use crate::{Error, Identity, Lockout, User};

/// A user, and whether it has to wait.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownUser {
    /// The user.
    pub user: User,
    /// Until when no attempt to sign in is looked at, if that is yet to come.
    pub locked_until: Option<Timestamp>,
}

impl From<User> for ShownUser {
    /// A user that does not have to wait, as one that was made just now.
    fn from(user: User) -> Self {
        Self { user, locked_until: None }
    }
}

impl Identity {
    /// Users as they are shown, at most 1,000.
    pub(crate) async fn shown(&self, users: Vec<User>) -> Result<Vec<ShownUser>, Error> {
        let names = users.iter().map(|user| self.name_key(&user.name)).collect::<Result<Vec<_>, Error>>()?;
        let codes = users.iter().map(|user| self.code_key(user.id)).collect::<Result<Vec<_>, Error>>()?;
        let (names, codes) = (self.waits_of(&names).await?, self.waits_of(&codes).await?);
        let locked = names.into_iter().zip(codes).map(|(name, code)| name.max(code));
        let shown = users.into_iter().zip(locked);
        Ok(shown.map(|(user, locked_until)| ShownUser { user, locked_until }).collect())
    }

    /// Until when each of these has to wait, if that is yet to come.
    async fn waits_of(&self, keys: &[NameKey]) -> Result<Vec<Option<Timestamp>>, Error> {
        let epoch = self.waits.epoch();
        let names: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
        let kept = self.store.find_lockouts(&names).await?;
        let now = self.clock.now();
        let kept: HashMap<&[u8], &Lockout> = kept.iter().map(|one| (one.name.as_slice(), one)).collect();
        let until = |key: &NameKey| {
            let known = self.waits.known(key, kept.get(key.as_slice()).copied(), (epoch, now));
            self.waits.name_until(&known).filter(|until| now < *until)
        };
        Ok(keys.iter().map(until).collect())
    }

    /// One user as it is shown.
    pub(crate) async fn shown_one(&self, user: User) -> Result<ShownUser, Error> {
        self.shown(vec![user]).await?.pop().ok_or_else(no_user)
    }
}
