//! What is remembered for seconds, bounded, so that storage is not asked at every request.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use codeflow_core::Timestamp;

/// A bounded memory. What was read before something was voided is not kept after it.
pub(crate) struct Cache<K, V> {
    most: usize,
    kept: Mutex<Kept<K, V>>,
}

struct Kept<K, V> {
    epoch: u64,
    entries: HashMap<K, (V, Timestamp)>,
}

/// When somebody began to read what they want to have remembered.
#[derive(Clone, Copy)]
pub(crate) struct Epoch(u64);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), kept: Mutex::new(Kept { epoch: 0, entries: HashMap::new() }) }
    }

    pub(crate) fn find(&self, key: &K, now: Timestamp) -> Option<V> {
        let kept = self.kept();
        kept.entries.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value.clone())
    }

    /// To be taken before the reading.
    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.kept().epoch)
    }

    /// Remembers, unless something was voided since `read`.
    pub(crate) fn put(&self, read: Epoch, key: K, value: V, times: (Timestamp, Timestamp)) {
        let (now, until) = times;
        let mut kept = self.kept();
        if kept.epoch != read.0 {
            return;
        }
        if kept.entries.len() >= self.most {
            kept.entries.retain(|_, (_, until)| now < *until);
        }
        if kept.entries.len() >= self.most {
            kept.entries.clear();
        }
        kept.entries.insert(key, (value, until));
    }

    pub(crate) fn void(&self, is_void: impl Fn(&K, &V) -> bool) {
        let mut kept = self.kept();
        kept.epoch += 1;
        kept.entries.retain(|key, (value, _)| !is_void(key, value));
    }

    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
