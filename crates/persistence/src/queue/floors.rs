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

/// After so many tasks, or so long, it is seen whether floors may rise. To look each time would be half the cost of a claim on
/// a queue that is idle; to look later would let claims walk over more than a page or two.
const DUE_TASKS: usize = 500;
const DUE: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(crate) struct Floors {
    groups: HashMap<GroupRow, Group>,
    /// How many groups the last claim found something in.
    busy: usize,
    /// How many tasks were taken since it was seen whether floors may rise.
    taken: usize,
    proved: Option<Instant>,
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

/// A group whose floor may rise, if nothing is left from it up to the next one.
pub(super) struct Unproved {
    pub(super) group: GroupRow,
    pub(super) floor: i64,
    pub(super) next: i64,
}

/// What a snapshot says about them.
pub(super) struct Proof {
    /// For each of them, whether the range is empty.
    pub(super) empty: Vec<bool>,
    pub(super) xmin: i64,
}

/// What a claim took.
pub(super) struct Taken {
    pub(super) group: GroupRow,
    pub(super) position: i64,
}

impl Floors {
    /// What is known of the groups of these lanes.
    pub(super) fn of(&self, lanes: &[String]) -> Vec<(GroupRow, i64)> {
        let known = self.groups.iter().filter(|(row, group)| group.floor > 0 && lanes.contains(&row.lane));
        known.map(|(row, group)| (row.clone(), group.floor)).take(MOST).collect()
    }

    /// The groups whose floors may rise, when it is time to see whether they do.
    pub(super) fn unproved(&mut self) -> Vec<Unproved> {
        let due = self.proved.is_none_or(|proved| proved.elapsed() >= DUE);
        if !due && self.taken < DUE_TASKS {
            return Vec::new();
        }
        let waiting = self.groups.iter().filter_map(|(row, group)| Some((row, group.floor, group.next?)));
        let unproved =
            waiting.map(|(row, floor, next)| Unproved { group: row.clone(), floor, next: next.position });
        let unproved: Vec<Unproved> = unproved.take(MOST).collect();
        if !unproved.is_empty() {
            (self.taken, self.proved) = (0, Some(Instant::now()));
        }
        unproved
    }

    /// Lets those floors rise that may.
    pub(super) fn rise(&mut self, unproved: Vec<Unproved>, proof: &Proof) {
        for (one, empty) in unproved.into_iter().zip(&proof.empty) {
            let Some(group) = self.groups.get_mut(&one.group) else { continue };
            let due = group.next.filter(|next| next.position == one.next && proof.xmin >= next.xmax);
            if let Some(next) = due.filter(|_| *empty) {
                group.floor = next.position;
                group.next = None;
            }
        }
    }

    /// How many rows of each group to look at for a claim of so many.
    pub(super) fn share(&self, most: i64) -> i64 {
        let busy = i64::try_from(self.busy.max(1)).unwrap_or(most);
        (2 * most / busy).clamp(1, most.max(1))
    }

    /// Learns from a claim, whose snapshot had this `xmax`.
    pub(super) fn learn(&mut self, taken: impl IntoIterator<Item = Taken>, xmax: i64) {
        if self.groups.len() > MOST * 16 {
            self.groups.clear();
        }
        let mut highest: HashMap<GroupRow, i64> = HashMap::new();
        for Taken { group, position } in taken {
            self.taken += 1;
            let top = highest.entry(group).or_insert(position);
            *top = position.max(*top);
        }
        self.busy = highest.len();
        for (row, position) in highest {
            let group = self.groups.entry(row).or_default();
            if group.next.is_none() && position > group.floor {
                group.next = Some(Candidate { position, xmax });
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
