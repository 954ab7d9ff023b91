//! What failed by a fault of ours or of something behind us: grouped, counted, and kept in this process. No word of any
//! cause is kept, and nothing of who asked but the name of the last request.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use codeflow_core::{Clock, Timestamp};
use sha2::{Digest, Sha256};

use crate::Vitals;

/// The most groups that are kept. Codes and places are from closed sets, so that there are seldom more.
const MOST: usize = 200;

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Blame {
    /// Ours: a promise was broken.
    Panic,
    /// Ours, in order.
    Fault,
    /// Whoever was asked failed, could not be reached, or took too long.
    Upstream,
    /// Something is away or full for now.
    Away,
}

impl Blame {
    /// Whose fault an answer of this status is, if it is not the client's.
    pub(crate) fn of(status: u16) -> Option<Self> {
        match status {
            ..500 => None,
            502 | 504 => Some(Self::Upstream),
            503 | 529 => Some(Self::Away),
            _ => Some(Self::Fault),
        }
    }

    /// Never changes once released; the runbook has a part for each.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fault => "fault",
            Self::Upstream => "upstream",
            Self::Away => "away",
        }
    }
}

/// One failure.
pub(crate) struct Failed<'a> {
    pub(crate) code: &'static str,
    pub(crate) blame: Blame,
    /// The route, as a document names it.
    pub(crate) place: &'a str,
    pub(crate) request_id: &'a str,
}

/// Failures that are alike.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) code: &'static str,
    pub(crate) blame: Blame,
    pub(crate) place: String,
    pub(crate) count: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// The last request that failed so.
    pub(crate) request_id: String,
}

impl Group {
    /// The same in every process and for every release, as long as code, blame and place are.
    pub(crate) fn fingerprint(&self) -> String {
        let text = format!("{}\n{}\n{}", self.code, self.blame.as_str(), self.place);
        Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What tells groups apart.
type Alike = (&'static str, Blame, String);

/// The failures of this process.
pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    vitals: Arc<dyn Vitals>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    groups: BTreeMap<Alike, Group>,
    forgotten: u64,
}

impl Ledger {
    pub(crate) fn new(clock: Arc<dyn Clock>, vitals: Arc<dyn Vitals>) -> Self {
        Self { clock, vitals, kept: Mutex::default() }
    }

    /// Counts a failure.
    pub(crate) fn note(&self, failed: &Failed<'_>) {
        self.vitals.failed(failed.code);
        let now = self.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = (failed.code, failed.blame, failed.place.to_owned());
        if kept.groups.len() >= MOST && !kept.groups.contains_key(&alike) {
            kept.forget();
        }
        let group = kept.groups.entry(alike).or_insert_with(|| Group {
            code: failed.code,
            blame: failed.blame,
            place: failed.place.to_owned(),
            count: 0,
            first: now,
            last: now,
            request_id: String::new(),
        });
        group.count += 1;
        group.last = now;
        failed.request_id.clone_into(&mut group.request_id);
    }

    /// All groups, the one that was seen last first, and how many were forgotten because there were too many.
    pub(crate) fn groups(&self) -> (Vec<Group>, u64) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: Vec<Group> = kept.groups.values().cloned().collect();
        groups.sort_by_key(|group| Reverse(group.last));
        (groups, kept.forgotten)
    }
}

impl Kept {
    /// Lets go of the group that has not been seen for the longest.
    fn forget(&mut self) {
        let oldest = self.groups.iter().min_by_key(|(_, group)| group.last).map(|(alike, _)| alike.clone());
        if let Some(alike) = oldest {
            self.groups.remove(&alike);
            self.forgotten += 1;
        }
    }
}
