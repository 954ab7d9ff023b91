//! The doctor: whether everything that is not over will go on, and nothing is where it must not be.

mod monitor;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use codeflow_core::TaskId;
use tokio::time::sleep;

use crate::plan::DEFAULT_LANE;
use crate::ports::{Disorder, Finding, Part};
use crate::{Engine, Error};

pub use monitor::{Health, Monitor};

/// How many findings of a kind are looked at for a second time.
const MOST: usize = 10_000;

/// How to look.
#[derive(Clone, Debug)]
pub struct Checkup {
    /// What to look at.
    pub parts: Vec<Part>,
    /// How long what is in the middle of moving has to arrive.
    pub patience: Duration,
    /// How many rows are looked at with one statement.
    pub piece: u32,
}

impl Default for Checkup {
    fn default() -> Self {
        Self { parts: Part::ALL.to_vec(), patience: Duration::from_secs(2), piece: 1_000 }
    }
}

/// What was wrong twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Everything, in the order of its kinds.
    pub findings: BTreeSet<Finding>,
}

impl Examination {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// How much of each kind there is.
    pub fn counts(&self) -> BTreeMap<Disorder, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.disorder).or_default() += 1;
        }
        counts
    }

    /// The first findings of a kind.
    pub fn of(&self, disorder: Disorder, count: usize) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.disorder == disorder).take(count)
    }
}

impl Engine {
    /// Looks twice, with a pause in between if there is a reason: what is in the middle of moving looks wrong only
    /// once. Of each kind, 10,000 are looked at again at most.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn examine(&self, checkup: &Checkup) -> Result<Examination, Error> {
        let first = self.look(checkup, &checkup.parts).await?;
        if first.is_empty() {
            return Ok(Examination::default());
        }
        sleep(checkup.patience).await;
        let again: Vec<Part> =
            checkup.parts.iter().filter(|part| first.contains_key(part)).copied().collect();
        let second = self.look(checkup, &again).await?;
        let twice = first.into_iter().flat_map(|(part, found)| {
            let again = second.get(&part);
            found.into_iter().filter(move |finding| again.is_some_and(|again| again.contains(finding)))
        });
        Ok(Examination { findings: twice.collect() })
    }

    async fn look(
        &self,
        checkup: &Checkup,
        parts: &[Part],
    ) -> Result<BTreeMap<Part, BTreeSet<Finding>>, Error> {
        let mut found: BTreeMap<Part, BTreeSet<Finding>> = BTreeMap::new();
        for part in parts {
            let mut after = None;
            loop {
                let piece = self.parts.store.examine(*part, after, checkup.piece).await?;
                if !piece.findings.is_empty() {
                    let of_part = found.entry(*part).or_default();
                    let room = MOST.saturating_sub(of_part.len());
                    of_part.extend(piece.findings.into_iter().take(room));
                }
                after = piece.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Puts tasks that were lost back into the queue, and tells which: one that has a place by now stays there.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn repair(&self, examination: &Examination) -> Result<Vec<TaskId>, Error> {
        let mut back = Vec::new();
        for lost in examination.of(Disorder::LostTask, MOST).filter_map(|finding| finding.task) {
            if self.parts.store.put_back(lost).await? {
                back.push(lost);
            }
        }
        if !back.is_empty() {
            self.work_is_due(DEFAULT_LANE);
        }
        Ok(back)
    }
}
