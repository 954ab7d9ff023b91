//! What a process remembers of the queue on PostgreSQL, so that a claim does not walk over the rows that were claimed
//! before: while some transaction holds an old snapshot, those cannot be removed. It is a help for speed alone: now and
//! then a claim looks at everything.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::rows::GroupRow;

/// How long a position must be known before it may become a floor: whoever drew a lower one has its transaction by then.
const SETTLED: Duration = Duration::from_millis(100);

/// How often everything is looked at: a claim that was rolled back leaves rows below a floor.
const WHOLE: Duration = Duration::from_secs(30);

/// How many floors a claim names.
const MOST: usize = 256;

#[derive(Default)]
pub(crate) struct Floors {
    groups: HashMap<GroupRow, Group>,
    looked: Option<Instant>,
    /// How many groups the last claim found something in.
    busy: usize,
}

#[derive(Default)]
struct Group {
    floor: i64,
    next: Option<Candidate>,
}

/// A position below which this process left nothing.
struct Candidate {
    position: i64,
    since: Instant,
    /// The first transaction that cannot have drawn a lower position any more, once it is known.
    xmax: Option<i64>,
}

impl Floors {
    /// The floors of these lanes; none when it is time to look at everything.
    pub(super) fn of(&mut self, lanes: &[String]) -> Vec<(GroupRow, i64)> {
        if self.looked.is_none_or(|looked| looked.elapsed() >= WHOLE) {
            self.looked = Some(Instant::now());
            return Vec::new();
        }
        let known = self.groups.iter().filter(|(row, group)| group.floor > 0 && lanes.contains(&row.lane));
        known.take(MOST).map(|(row, group)| (row.clone(), group.floor)).collect()
    }

    /// How many rows of each group to look at for a claim of so many.
    pub(super) fn share(&self, most: i64) -> i64 {
        let busy = i64::try_from(self.busy.max(1)).unwrap_or(most);
        (2 * most / busy).clamp(1, most.max(1))
    }

    /// Learns from a claim: the highest position that it took of each group, and the transactions of its snapshot.
    pub(super) fn learn(&mut self, taken: Vec<(GroupRow, i64)>, (xmin, xmax): (i64, i64)) {
        self.busy = taken.len();
        for (row, position) in taken {
            let group = self.groups.entry(row).or_default();
            if group.next.is_none() && position > group.floor {
                group.next = Some(Candidate { position, since: Instant::now(), xmax: None });
            }
        }
        for group in self.groups.values_mut() {
            group.settle(xmin, xmax);
        }
        if self.groups.len() > MOST * 16 {
            self.groups.clear();
        }
    }
}

impl Group {
    fn settle(&mut self, xmin: i64, xmax: i64) {
        let Some(next) = &mut self.next else { return };
        match next.xmax {
            None if next.since.elapsed() >= SETTLED => next.xmax = Some(xmax),
            Some(bound) if xmin >= bound => {
                self.floor = next.position;
                self.next = None;
            }
            None | Some(_) => {}
        }
    }
}
