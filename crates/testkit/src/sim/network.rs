//! What lies between workers and storage: delays, refusals, lost answers, and nodes that are cut off for a while.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::LEASE;
use super::chronicle::Chronicle;
use super::rng::Rng;

/// How long a caller waits for an answer. A statement ends before the lease does, and so does this.
pub(super) const PATIENCE: Duration = Duration::from_millis(LEASE.as_millis() as u64 * 2 / 3);

/// What becomes of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    /// How long it is under way.
    pub(super) before: Duration,
    /// How long its answer is.
    pub(super) after: Duration,
    /// Its node is cut off, and it is held until then.
    pub(super) held: Option<Instant>,
    /// It does nothing and fails.
    pub(super) refused: bool,
    /// It is done, and fails all the same.
    pub(super) lost: bool,
    /// After this time its caller gives up, whatever becomes of it.
    pub(super) patience: Option<Duration>,
}

/// Decides what becomes of calls.
pub(crate) struct Network {
    pub(super) chronicle: Arc<Chronicle>,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    faulty: bool,
    /// When nodes that are cut off can be reached again.
    cut: BTreeMap<usize, Instant>,
}

impl Network {
    pub(crate) fn new(rng: Rng, chronicle: Arc<Chronicle>) -> Self {
        Self { chronicle, state: Mutex::new(State { rng, faulty: false, cut: BTreeMap::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on calls go wrong now and then, or not.
    pub(crate) fn set_faulty(&self, faulty: bool) {
        let mut state = self.state();
        state.faulty = faulty;
        if !faulty {
            state.cut.clear();
        }
    }

    /// Cuts a node off for a while.
    pub(crate) fn cut(&self, node: usize, duration: Duration) {
        let until = Instant::now() + duration;
        self.chronicle.tell(format_args!("n{node} is cut off for {} ms", duration.as_millis()));
        self.chronicle.trouble(node, until);
        self.state().cut.insert(node, until);
    }

    /// Whether a node is cut off. What was under way when that began never arrives, for a statement ends before the
    /// lease does.
    pub(super) fn is_cut(&self, node: usize) -> bool {
        self.state().cut.get(&node).is_some_and(|until| *until > Instant::now())
    }

    /// Waits until a node can be reached.
    pub(super) async fn reach(&self, node: usize) {
        loop {
            let until = self.state().cut.get(&node).copied();
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                Some(_) | None => return,
            }
        }
    }

    pub(super) fn fate(&self, node: usize) -> Fate {
        let mut state = self.state();
        let State { rng, faulty, cut } = &mut *state;
        let mut fate = Fate {
            before: quick(rng),
            after: quick(rng),
            held: None,
            refused: false,
            lost: false,
            patience: Some(PATIENCE),
        };
        if !*faulty {
            return fate;
        }
        fate.held = cut.get(&node).copied().filter(|until| *until > Instant::now());
        let away = fate.held.is_some();
        let trouble = away || rng.chance(70);
        if trouble {
            fate.go_wrong(rng, away);
            self.chronicle.trouble(node, Instant::now() + LEASE);
        }
        fate
    }
}

impl Fate {
    fn go_wrong(&mut self, rng: &mut Rng, away: bool) {
        match rng.below(6) {
            0 | 1 => self.refused = true,
            2 => self.lost = true,
            // The caller gives up early, and the call is done later on.
            3 => {
                self.patience = Some(Duration::from_millis(rng.between(5, 300)));
                self.before = Duration::from_millis(rng.below(PATIENCE.as_millis() as u64));
            }
            4 => self.before = Duration::from_millis(rng.below(PATIENCE.as_millis() as u64)),
            // It is done, and the answer comes when the lease is long over, if nobody renews it.
            _ => {
                self.after = LEASE + Duration::from_millis(rng.below(2_000));
                self.patience = None;
            }
        }
        // What is refused while its node is cut off is not held until it can be reached.
        if away && self.refused {
            self.before = Duration::from_millis(rng.below(100));
        }
    }
}

fn quick(rng: &mut Rng) -> Duration {
    Duration::from_millis(match rng.below(10) {
        0..5 => 0,
        5..8 => rng.below(5),
        _ => rng.below(60),
    })
}
