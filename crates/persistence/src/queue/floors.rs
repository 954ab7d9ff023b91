//! What is known of the queue on PostgreSQL, so that a claim does not walk over the rows that were claimed before: while
//! some transaction holds an old snapshot, those cannot be removed, and millions of them come together in minutes.
//!
//! A group's floor is a position below which nothing is and nothing will be, so it is a fact and stays one. Proof, for a
//! statement with the snapshot S: whoever writes into `ready` has a transaction number before it draws a position, so
//! when a row with the position P is seen by a claim, whoever drew a lower position has a number below that claim's
//! `xmax`. Once all numbers below it have ended (`xmin` of S has reached it), S sees every row below P that there will
//! ever be, and as it also sees those that somebody deletes at that moment, an empty range stays empty.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::rows::GroupRow;

/// How many floors a claim names.
const MOST: usize = 256;

/// How often floors are written down for processes that start later.
const KEPT: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct Floors {
    groups: HashMap<GroupRow, Group>,
    /// How many groups the last claim found something in.
    busy: usize,
    kept: Option<Instant>,
}

#[derive(Default)]
struct Group {
    floor: i64,
    /// The floor that the database knows of.
    kept: i64,
    next: Option<Candidate>,
}

/// A position that becomes the floor once nothing can be below it.
#[derive(Clone, Copy)]
struct Candidate {
    position: i64,
    /// The first transaction that cannot have drawn a lower position.
    xmax: i64,
}

/// What a claim asks about a group: whether anything is left from the floor up to the next one.
pub(super) struct Asked {
    pub(super) group: GroupRow,
    pub(super) floor: i64,
    pub(super) next: i64,
}

/// What a claim saw.
pub(super) struct Seen {
    /// For each group that was asked about, whether the range is empty.
    pub(super) empty: Vec<bool>,
    /// The highest position that was taken of each group.
    pub(super) taken: Vec<(GroupRow, i64)>,
    pub(super) xmin: i64,
    pub(super) xmax: i64,
}

impl Floors {
    /// What is known and to be asked of the groups of these lanes.
    pub(super) fn of(&self, lanes: &[String]) -> Vec<Asked> {
        let known = self.groups.iter().filter(|(row, _)| lanes.contains(&row.lane));
        let asked = known.map(|(row, group)| Asked {
            group: row.clone(),
            floor: group.floor,
            next: group.next.map_or(group.floor, |next| next.position),
        });
        asked.take(MOST).collect()
    }

    /// How many rows of each group to look at for a claim of so many.
    pub(super) fn share(&self, most: i64) -> i64 {
        let busy = i64::try_from(self.busy.max(1)).unwrap_or(most);
        (2 * most / busy).clamp(1, most.max(1))
    }

    /// Learns from a claim.
    pub(super) fn learn(&mut self, asked: Vec<Asked>, seen: Seen) {
        self.busy = seen.taken.len();
        if self.groups.len() > MOST * 16 {
            self.groups.clear();
        }
        for (asked, empty) in asked.into_iter().zip(seen.empty) {
            let Some(group) = self.groups.get_mut(&asked.group) else { continue };
            let due = group.next.filter(|next| next.position == asked.next && seen.xmin >= next.xmax);
            if let Some(next) = due.filter(|_| empty) {
                group.floor = next.position;
                group.next = None;
            }
        }
        for (row, position) in seen.taken {
            let group = self.groups.entry(row).or_default();
            if group.next.is_none() && position > group.floor {
                group.next = Some(Candidate { position, xmax: seen.xmax });
            }
        }
    }

    /// The floors to write down, now and then.
    pub(super) fn unwritten(&mut self) -> Vec<(GroupRow, i64)> {
        if self.kept.is_some_and(|kept| kept.elapsed() < KEPT) {
            return Vec::new();
        }
        let mut risen = Vec::new();
        for (row, group) in self.groups.iter_mut().filter(|(_, group)| group.floor > group.kept) {
            group.kept = group.floor;
            risen.push((row.clone(), group.floor));
        }
        if !risen.is_empty() {
            self.kept = Some(Instant::now());
        }
        risen.sort();
        risen
    }
}
