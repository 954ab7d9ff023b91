//! Limits that an admin changes while servers run: kept in storage, and noticed by every process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorKind, RuleBook, Rules};

/// How often a process looks for limits that another one changed.
const EVERY: Duration = Duration::from_secs(2);

/// Limits as they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRules {
    /// Grows with every change.
    pub version: u64,
    /// The limits; `None`: those of the settings hold again.
    pub rules: Option<Rules>,
}

/// Keeps the limits that an admin has set.
#[async_trait]
pub trait RuleStore: Send + Sync {
    /// What was saved last; `None` when nothing ever was.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Corrupt`](crate::ErrorKind::Corrupt).
    async fn load(&self) -> Result<Option<StoredRules>, Error>;

    /// Saves limits, or that those of the settings hold, in place of what was seen as version `seen`; 0 when nothing was
    /// seen. Returns the new version.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when that is not the latest version any more,
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn save(&self, rules: Option<&Rules>, seen: u64) -> Result<u64, Error>;
}

/// Changes limits at run time: in storage, and from there in every process.
pub struct RuleKeeper {
    store: Arc<dyn RuleStore>,
    book: Arc<RuleBook>,
    settings: Rules,
    version: Mutex<u64>,
}

impl RuleKeeper {
    /// Keeps limits for this book, which holds those of the settings until [`refresh`](Self::refresh) finds others.
    pub fn new(store: Arc<dyn RuleStore>, book: Arc<RuleBook>) -> Self {
        let settings = book.rules();
        Self { store, book, settings, version: Mutex::new(0) }
    }

    /// The limits that hold in this process, and their version: 0 while nobody has changed them.
    pub fn current(&self) -> (u64, Rules) {
        let version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        (*version, self.book.rules())
    }

    /// Changes the limits, or with `None` goes back to those of the settings. This process follows at once, the others
    /// within five seconds. Returns the new version.
    ///
    /// # Errors
    /// [`InvalidRules`](crate::ErrorKind::InvalidRules), with everything that is wrong;
    /// [`Conflict`](crate::ErrorKind::Conflict) when the limits are not those of version `seen` any more;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn change(&self, rules: Option<Rules>, seen: u64) -> Result<u64, Error> {
        let problems = rules.as_ref().map(Rules::problems).unwrap_or_default();
        if !problems.is_empty() {
            return Err(Error::invalid(problems));
        }
        let version = self.store.save(rules.as_ref(), seen).await?;
        self.follow(StoredRules { version, rules })?;
        Ok(version)
    }

    /// Takes over what is kept, if it is newer.
    ///
    /// # Errors
    /// Those of [`RuleStore::load`]; the limits stay as they are then.
    pub async fn refresh(&self) -> Result<(), Error> {
        match self.store.load().await? {
            Some(stored) => self.follow(stored),
            None => Ok(()),
        }
    }

    /// Looks every two seconds whether another process changed the limits, until `stop`.
    pub async fn watch(&self, stop: CancellationToken) {
        let mut was_away = false;
        loop {
            let result = tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => tokio::time::timeout(EVERY, self.refresh()).await,
            };
            let found = result.unwrap_or_else(|late| {
                Err(Error::with_source(ErrorKind::Unavailable, "storage does not answer in time", late))
            });
            // Once, however long it takes.
            if let Err(error) = &found
                && !was_away
            {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::warn!(error, "changed limits cannot be read; those that were read last hold");
            }
            was_away = found.is_err();
        }
    }

    fn follow(&self, stored: StoredRules) -> Result<(), Error> {
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.version > *version {
            self.book.replace(stored.rules.unwrap_or_else(|| self.settings.clone()))?;
            *version = stored.version;
        }
        Ok(())
    }
}
