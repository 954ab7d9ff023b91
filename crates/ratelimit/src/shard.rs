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

    /// Does something with the bucket of one subject for one limit. A new subject makes room first, so that there are
    /// never more than `most`.
    pub(crate) fn with<R>(
        &mut self,
        (subject, limit): (&str, &Limit),
        now: Timestamp,
        most: usize,
        act: impl FnOnce(&mut Bucket) -> R,
    ) -> R {
        if let Some(buckets) = self.0.get_mut(subject) {
            return act(bucket(buckets, limit, now));
        }
        if self.0.len() >= most {
            self.make_room(now, most);
        }
        let buckets = self.0.entry(subject.into()).or_insert_with(|| Vec::with_capacity(2));
        act(bucket(buckets, limit, now))
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

fn bucket<'a>(buckets: &'a mut Vec<(&'static str, Bucket)>, limit: &Limit, now: Timestamp) -> &'a mut Bucket {
    let found = buckets.iter().position(|(name, _)| *name == limit.name);
    let index = found.unwrap_or_else(|| {
        buckets.push((limit.name, Bucket::empty(now)));
        buckets.len() - 1
    });
    &mut buckets[index].1
}

fn idle_after(buckets: &[(&'static str, Bucket)], now: Timestamp) -> u128 {
    buckets.iter().map(|(_, bucket)| bucket.idle_after(now)).max().unwrap_or_default()
}
