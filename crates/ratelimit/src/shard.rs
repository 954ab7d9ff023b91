//! A part of all subjects, small enough to be looked through when it is full.

use std::collections::HashMap;

use codeflow_core::Timestamp;

use crate::Limit;

/// What is kept for one limit of one subject.
pub(crate) trait Entry {
    /// Of a subject that has used nothing.
    fn empty(now: Timestamp) -> Self;

    /// How long until nothing is owed, in microseconds; only what is not owed can be forgotten without a loss.
    fn idle_after(&self, now: Timestamp) -> u128;
}

/// Some subjects and what each has used. A subject has few limits, so its entries are a list.
#[derive(Debug)]
pub(crate) struct Shard<E>(HashMap<Box<str>, Vec<(&'static str, E)>>);

impl<E> Default for Shard<E> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<E: Entry> Shard<E> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Does something with the entry of one subject for one limit. A new subject makes room first, so that there are
    /// never more than `most`.
    pub(crate) fn with<R>(
        &mut self,
        (subject, limit): (&str, &Limit),
        now: Timestamp,
        most: usize,
        act: impl FnOnce(&mut E) -> R,
    ) -> R {
        if let Some(entries) = self.0.get_mut(subject) {
            return act(entry(entries, limit, now));
        }
        if self.0.len() >= most {
            self.make_room(now, most);
        }
        let entries = self.0.entry(subject.into()).or_insert_with(|| Vec::with_capacity(2));
        act(entry(entries, limit, now))
    }

    /// Forgets whoever owes nothing, which changes no decision. When hardly anybody does, an eighth goes, those first
    /// that owe for the shortest time: they would be free soonest anyway.
    fn make_room(&mut self, now: Timestamp, most: usize) {
        self.0.retain(|_, entries| idle_after(entries, now) > 0);
        let keep = most - most.div_ceil(8);
        if self.0.len() <= keep {
            return;
        }
        let mut waits: Vec<u128> = self.0.values().map(|entries| idle_after(entries, now)).collect();
        let mut surplus = waits.len() - keep;
        let (_, &mut longest, _) = waits.select_nth_unstable(surplus - 1);
        self.0.retain(|_, entries| {
            let goes = surplus > 0 && idle_after(entries, now) <= longest;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

fn entry<'a, E: Entry>(entries: &'a mut Vec<(&'static str, E)>, limit: &Limit, now: Timestamp) -> &'a mut E {
    let found = entries.iter().position(|(name, _)| *name == limit.name);
    let index = found.unwrap_or_else(|| {
        entries.push((limit.name, E::empty(now)));
        entries.len() - 1
    });
    &mut entries[index].1
}

fn idle_after<E: Entry>(entries: &[(&'static str, E)], now: Timestamp) -> u128 {
    entries.iter().map(|(_, entry)| entry.idle_after(now)).max().unwrap_or_default()
}
