//! Somebody's turn to prove who they are: under a name with a password, and as a user with a code. Who has to wait gets none,
//! and whoever fails has to wait the longer the more often. What is read and done for a name is the same whoever has it.
//! Codes are counted apart from passwords: guesses at a password, which anybody may make, keep nobody from a code, and
//! whoever has the password clears no guesses at a code with it.

use std::hash::{BuildHasher, RandomState};

use codeflow_core::UserId;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::lockout::{Known, NameKey};
use crate::passwords::Ticket;
use crate::{Error, ErrorKind, Identity, Origin, Outcome, User};

const PURPOSE: &str = "failed attempts";
const CODES: &str = "failed codes";

/// A turn of somebody. It is over when this is dropped.
pub(crate) struct Turn<'a> {
    key: NameKey,
    known: Known,
    _alone: MutexGuard<'a, ()>,
}

impl Identity {
    /// Waits for a turn to prove a password, and for a place in the queue for the work on it. There is one at a time for each
    /// name, so that guesses made all at once count like guesses made one after the other.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut); [`Unavailable`](ErrorKind::Unavailable), also when too many wait already.
    pub(crate) async fn turn(&self, name: &str, origin: &Origin) -> Result<(Turn<'_>, Ticket), Error> {
        let key = self.name_key(name)?;
        // Whoever has to wait takes no place from others.
        let seen = self.may_try(&key, origin).await?;
        let ticket = self.passwords.admit()?;
        let alone = self.turns.of(name).lock().await;
        let known = if seen.is_current(&self.waits) { seen } else { self.may_try(&key, origin).await? };
        Ok((Turn { key, known, _alone: alone }, ticket))
    }

    /// Waits for a turn to prove a code. Whoever has a turn for a password may wait for this one, and never the other way
    /// round.
    ///
    /// # Errors
    /// [`LockedOut`](ErrorKind::LockedOut), [`Unavailable`](ErrorKind::Unavailable).
    pub(crate) async fn code_turn(&self, user: &User, origin: &Origin) -> Result<Turn<'_>, Error> {
        let key = self.code_key(user.id)?;
        let alone = self.code_turns.of(&user.name).lock().await;
        let known = self.may_try(&key, origin).await?;
        Ok(Turn { key, known, _alone: alone })
    }

    async fn may_try(&self, key: &NameKey, origin: &Origin) -> Result<Known, Error> {
        self.waits.check_address(origin.address, self.clock.now())?;
        let epoch = self.waits.epoch();
        let kept = self.store.find_lockout(key).await?;
        let now = self.clock.now();
        let known = self.waits.known(key, kept.as_ref(), (epoch, now));
        self.waits.check(&known, now)?;
        Ok(known)
    }

    /// Counts a failure, notes it, and makes the answer. Whether the user exists changes nothing of what is done here.
    pub(crate) fn failed(
        &self,
        turn: &Turn<'_>,
        kind: ErrorKind,
        user: Option<&User>,
        origin: &Origin,
    ) -> Error {
        let wait = self.waits.failed(&turn.key, &turn.known, origin.address, self.clock.now());
        let mut event = self.event(origin, "login.create", Outcome::Refused);
        event.tenant = user.map(|user| user.tenant.clone());
        // What was given for a name that nobody has is not kept: people type passwords there.
        event.actor = user.map_or_else(|| "nobody".to_owned(), |user| user.id.to_string());
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

    /// Forgets the failures that led to this turn, in all processes.
    pub(crate) async fn succeeded(&self, turn: &Turn<'_>) -> Result<(), Error> {
        if turn.known.has_failures() { self.clear(&turn.key).await } else { Ok(()) }
    }

    /// Forgets the failures under a name, in all processes: not those with codes.
    pub(crate) async fn clear_failures(&self, name: &str) -> Result<(), Error> {
        self.clear(&self.name_key(name)?).await
    }

    /// Forgets the failures of a user with codes, in all processes.
    pub(crate) async fn clear_codes(&self, user: UserId) -> Result<(), Error> {
        self.clear(&self.code_key(user)?).await
    }

    async fn clear(&self, key: &NameKey) -> Result<(), Error> {
        self.store.clear_lockout(key, self.clock.now()).await?;
        self.waits.cleared(key);
        Ok(())
    }

    /// Tells storage of failures that only this process knows. What it cannot be told now it is told the next time.
    pub(crate) async fn save_failures(&self) -> Result<(), Error> {
        let _alone = self.saving.lock().await;
        let now = self.clock.now();
        let new = self.waits.to_tell(now);
        if !new.is_empty() {
            self.store.add_failures(&new, self.waits.forgotten(now)).await?;
            self.waits.told();
        }
        Ok(())
    }

    pub(crate) fn name_key(&self, name: &str) -> Result<NameKey, Error> {
        self.vault.digest(PURPOSE, name.as_bytes())
    }

    pub(crate) fn code_key(&self, user: UserId) -> Result<NameKey, Error> {
        self.vault.digest(CODES, user.to_string().as_bytes())
    }
}

/// A few locks among which names are spread.
pub(crate) struct Turns {
    hasher: RandomState,
    locks: Vec<Mutex<()>>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), locks: (0..64).map(|_| Mutex::default()).collect() }
    }

    /// The lock of a name.
    pub(crate) fn of(&self, name: &str) -> &Mutex<()> {
        let place = self.hasher.hash_one(name) % self.locks.len() as u64;
        &self.locks[usize::try_from(place).unwrap_or_default()]
    }
}
