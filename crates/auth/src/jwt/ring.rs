//! The signing keys as one process knows them: read again and again, made when they are due.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use codeflow_core::Timestamp;
use tokio::sync::Mutex;

use super::key::{KID_LENGTH, Key, Kind, Window};
use super::settings::{TokenSettings, TokenSources};
use crate::{Error, ErrorKind, SigningKey};

/// How often a key that is not known may have storage asked.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How long storage may take.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct KeyRing {
    sources: TokenSources,
    /// The keys to make; `None`: settings hold the key.
    makes: Option<Kind>,
    rotate_every: Duration,
    publish_ahead: Duration,
    /// How long after it has signed last a key is accepted.
    accepted_for: Duration,
    /// How far two clocks may be apart.
    skew: Duration,
    known: RwLock<Known>,
    reading: Mutex<()>,
}

/// What is known.
#[derive(Clone, Default)]
struct Known {
    keys: Option<Arc<[Kept]>>,
    looked_at: Option<Timestamp>,
}

/// A key and what storage says of it.
#[derive(Clone)]
struct Kept {
    key: Option<Arc<Key>>,
    row: Arc<SigningKey>,
}

impl KeyRing {
    pub(super) fn new(settings: &TokenSettings, makes: Option<Kind>, sources: TokenSources) -> Self {
        // The clocks of who signs and of who verifies may both be off.
        let skew = settings.leeway.saturating_mul(2);
        Self {
            sources,
            makes,
            rotate_every: settings.rotate_every,
            publish_ahead: settings.publish_ahead,
            accepted_for: settings.lifetime.saturating_add(skew),
            skew,
            known: RwLock::default(),
            reading: Mutex::new(()),
        }
    }

    /// The key that signs now.
    pub(super) async fn signer(&self) -> Result<Arc<Key>, Error> {
        if let Some(key) = self.signs_now() {
            return Ok(key);
        }
        self.read_unless(|| self.signs_now().is_some()).await?;
        self.signs_now().ok_or_else(|| {
            let text =
                "the signing key cannot be opened: it was sealed under another secret of the installation";
            Error::new(ErrorKind::Internal, text)
        })
    }

    /// The key with this name, if it is accepted. What is no name of a key never has storage asked; the others do so once
    /// a second, together.
    pub(super) async fn find(&self, id: &str) -> Result<Option<Arc<Key>>, Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if id.len() != KID_LENGTH || !id.bytes().all(plain) {
            return Ok(None);
        }
        let found = self.accepted(id);
        if found.is_some() {
            return Ok(found);
        }
        let read = self.read_unless(|| self.accepted(id).is_some() || self.looked_just_now()).await;
        if self.known().keys.is_none() {
            read?;
            return Err(Error::new(ErrorKind::Unavailable, "the signing keys are not known yet"));
        }
        Ok(self.accepted(id))
    }

    /// The keys that are accepted or will be, the oldest first.
    pub(super) async fn published(&self) -> Result<Vec<Arc<Key>>, Error> {
        if self.known().keys.is_none() {
            self.read_unless(|| self.known().keys.is_some()).await?;
        }
        let now = self.sources.clock.now();
        let rows = self.known().keys.unwrap_or_default();
        let accepted = rows.iter().filter(|kept| now < kept.row.accepted_until);
        Ok(accepted.filter_map(|kept| kept.key.clone()).collect())
    }

    /// Takes a key back, as of a moment that is over by every clock.
    pub(super) async fn withdraw(&self, id: &str) -> Result<bool, Error> {
        let at = self.sources.clock.now().before(self.skew);
        let done = self.sources.store.withdraw_signing_key(id, at).await?;
        self.refresh().await?;
        Ok(done)
    }

    /// Reads the keys again, and makes one that is due.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        self.read_unless(|| false).await
    }

    async fn read_unless(&self, enough: impl Fn() -> bool + Send) -> Result<(), Error> {
        let _alone = self.reading.lock().await;
        if enough() {
            return Ok(());
        }
        self.write(|known| known.looked_at = Some(self.sources.clock.now()));
        let late = |_| Error::new(ErrorKind::Unavailable, "storage did not answer in time");
        let rows = tokio::time::timeout(PATIENCE, self.rows()).await.map_err(late)??;
        let before = self.known().keys.unwrap_or_default();
        let keys = rows.into_iter().map(|row| self.open(row, &before)).collect();
        self.write(|known| known.keys = Some(keys));
        Ok(())
    }

    async fn rows(&self) -> Result<Vec<SigningKey>, Error> {
        let now = self.sources.clock.now();
        let rows = self.sources.store.signing_keys(now).await?;
        let Some((kind, window)) = self.makes.zip(self.due(&rows, now)) else { return Ok(rows) };
        let key = kind.make(&self.sources.vault, window)?;
        // Another process may have been faster; what counts is what is kept.
        if self.sources.store.add_signing_key(&key).await? {
            tracing::info!(key.id = key.id, signs_from = %key.signs_from, "made a signing key");
        }
        self.sources.store.signing_keys(now).await
    }

    /// The time of the key to make, if one is due: the one after the last, or one for now when there is none.
    fn due(&self, rows: &[SigningKey], now: Timestamp) -> Option<Window> {
        let signs = |row: &&SigningKey| row.signs_from <= now && now < row.signs_until;
        let last = rows.iter().map(|row| row.signs_until).max();
        let (signs_from, signs_until) = match (rows.iter().find(signs), last) {
            (Some(_), Some(last)) if now < last.before(self.publish_ahead) => return None,
            (Some(_), Some(last)) => (last, last.after(self.rotate_every)),
            (_, _) => {
                let later = rows.iter().map(|row| row.signs_from).filter(|from| now < *from).min();
                (now, later.unwrap_or_else(|| now.after(self.rotate_every)))
            }
        };
        Some(Window { signs_from, signs_until, accepted_until: signs_until.after(self.accepted_for) })
    }

    fn open(&self, row: SigningKey, before: &[Kept]) -> Kept {
        if let Some(kept) = before.iter().find(|kept| *kept.row == row) {
            return kept.clone();
        }
        let key = match Key::open(&row, &self.sources.vault) {
            Ok(key) => Some(Arc::new(key)),
            Err(error) => {
                tracing::error!(key.id = row.id, error = %error, "a signing key cannot be used");
                None
            }
        };
        Kept { key, row: Arc::new(row) }
    }

    /// Of several, the newest.
    fn signs_now(&self) -> Option<Arc<Key>> {
        let now = self.sources.clock.now();
        let rows = self.known().keys?;
        let signs = rows.iter().filter(|kept| kept.row.signs_from <= now && now < kept.row.signs_until);
        let usable = signs.filter(|kept| kept.key.is_some());
        usable.max_by_key(|kept| kept.row.signs_from).and_then(|kept| kept.key.clone())
    }

    fn accepted(&self, id: &str) -> Option<Arc<Key>> {
        let now = self.sources.clock.now();
        let rows = self.known().keys?;
        let kept = rows.iter().find(|kept| kept.row.id == id && now < kept.row.accepted_until)?;
        kept.key.clone()
    }

    fn looked_just_now(&self) -> bool {
        let now = self.sources.clock.now();
        self.known().looked_at.is_some_and(|at| at <= now && now.since(at) < BETWEEN_LOOKS)
    }

    fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.write().unwrap_or_else(PoisonError::into_inner));
    }
}
