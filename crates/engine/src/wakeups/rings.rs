//! Rings that wait to be sent: the first of a lane goes at once, those that come close after it are one.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::cache::lock;

/// A lane is rung at most once in this time.
const WINDOW: Duration = Duration::from_millis(10);

/// Lanes come from settings, so there are never as many. If there are, the further ones are left to polling.
const MAX_LANES: usize = 1_000;

#[derive(Default)]
pub(super) struct Rings {
    lanes: Mutex<Lanes>,
    added: Notify,
}

#[derive(Default)]
struct Lanes {
    waiting: BTreeSet<String>,
    /// When those were sent that are not long past.
    sent: HashMap<String, Instant>,
}

impl Rings {
    pub(super) fn add(&self, lane: &str) {
        let mut lanes = lock(&self.lanes);
        if lanes.waiting.contains(lane) || lanes.waiting.len() >= MAX_LANES {
            return;
        }
        lanes.waiting.insert(lane.to_owned());
        drop(lanes);
        self.added.notify_one();
    }

    /// Waits until something was added since the last time.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    /// Takes the lanes that may be rung now, and tells when the next one may be.
    pub(super) fn take(&self, now: Instant) -> (Vec<String>, Option<Instant>) {
        let mut lanes = lock(&self.lanes);
        let Lanes { waiting, sent } = &mut *lanes;
        sent.retain(|_, at| *at + WINDOW > now);
        let due: Vec<String> = waiting.iter().filter(|lane| !sent.contains_key(*lane)).cloned().collect();
        for lane in &due {
            waiting.remove(lane);
            sent.insert(lane.clone(), now);
        }
        let next = waiting.iter().filter_map(|lane| sent.get(lane)).min().map(|at| *at + WINDOW);
        (due, next)
    }

    /// Takes back what could not be sent.
    pub(super) fn put_back(&self, lanes: Vec<String>) {
        lock(&self.lanes).waiting.extend(lanes);
    }
}
