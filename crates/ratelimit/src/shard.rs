//! A part of all subjects, small enough to be looked through when it is full.

use std::collections::HashMap;

use codeflow_core::Timestamp;

use crate::Limit;
use crate::bucket::Bucket;

/// Some subjects and what each has used. A subject has few limits, so its buckets are a list.
#[derive(Debug, Default)]
pub(crate) struct Shard(HashMap<Box<str>, Vec<(&'static str, Bucket)>>);

impl Shard {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bucket of one subject for one limit. A new one makes room first, so that there are never more than `most`
    /// subjects.
    pub(crate) fn bucket(
        &mut self,
        subject: &str,
        limit: &Limit,
        now: Timestamp,
        most: usize,
    ) -> &mut Bucket {
        if !self.0.contains_key(subject) {
            if self.0.len() >= most {
                self.make_room(now, most);
            }
            self.0.insert(subject.into(), Vec::with_capacity(2));
        }
        let buckets = self.0.get_mut(subject).expect("it was there or has been put there");
        let found = buckets.iter().position(|(name, _)| *name == limit.name);
        let index = found.unwrap_or_else(|| {
            buckets.push((limit.name, Bucket::empty(now)));
            buckets.len() - 1
        });
        &mut buckets[index].1
    }

    /// Forgets whoever owes nothing, which changes no decision. When hardly anybody does, an eighth goes, those first
    /// that owe for the shortest time: they would be free soonest anyway.
    fn make_room(&mut self, now: Timestamp, most: usize) {
        self.0.retain(|_, buckets| idle_after(buckets, now) > 0);
        let keep = most - most.div_ceil(8);
        if self.0.len() <= keep {
            return;
        }
        let mut waits: Vec<u128> = self.0.values().map(|buckets| idle_after(buckets, now)).collect();
        let mut surplus = waits.len() - keep;
        let (_, &mut longest, _) = waits.select_nth_unstable(surplus - 1);
        self.0.retain(|_, buckets| {
            let goes = surplus > 0 && idle_after(buckets, now) <= longest;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

fn idle_after(buckets: &[(&'static str, Bucket)], now: Timestamp) -> u128 {
    buckets.iter().map(|(_, bucket)| bucket.idle_after(now)).max().unwrap_or_default()
}
