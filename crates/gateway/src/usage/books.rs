//! What calls and the committer share: the ledger, the calls that wait, and the rows that are not written yet. Every
//! lock is held for arithmetic only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codeflow_core::{Clock, Timestamp, Usd};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::{AccountSettings, UsageRow};
use crate::budget::{Call, Ended, Ledger, Rules, Slot, Windows};
use crate::{BudgetError, BudgetRule, Hold, Subjects};

/// What came of a reservation at once.
pub(crate) enum Taken {
    Hold(Hold),
    Waits(oneshot::Receiver<Result<Hold, BudgetError>>),
}

pub(crate) struct Books {
    pub(crate) settings: AccountSettings,
    pub(crate) wake: Notify,
    rules: Rules,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) ledger: Ledger,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) rows: Vec<UsageRow>,
    /// Until when storage certainly honours our slices.
    pub(crate) lease_until: Option<Instant>,
    /// Whether nothing is written any more.
    pub(crate) is_closed: bool,
    pub(crate) lost_rows: u64,
    windows: Windows,
}

/// A call that waits for slices to grow.
pub(crate) struct Waiting {
    pub(crate) call: Call,
    pub(crate) reply: oneshot::Sender<Result<Hold, BudgetError>>,
}

impl Books {
    pub(crate) fn new(rules: Vec<BudgetRule>, clock: Arc<dyn Clock>, settings: AccountSettings) -> Self {
        let state = State {
            ledger: Ledger::default(),
            waiting: VecDeque::new(),
            rows: Vec::new(),
            lease_until: None,
            is_closed: false,
            lost_rows: 0,
            windows: Windows::at(clock.now()),
        };
        Self { settings, wake: Notify::new(), rules: Rules::new(rules), clock, state: Mutex::new(state) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an estimate from the slices at hand, or gets in line.
    pub(crate) fn take(
        self: &Arc<Self>,
        who: &Subjects<'_>,
        extra: Option<&BudgetRule>,
        estimate: Usd,
    ) -> Result<Taken, BudgetError> {
        let mut rules = self.rules.about(who).chain(extra).peekable();
        if rules.peek().is_none() {
            return Ok(Taken::Hold(Hold::new(Arc::clone(self), Vec::new(), estimate, 0).begin()));
        }
        let now = self.now();
        let mut state = self.state();
        let slots = state.slots(rules, who, now);
        if state.is_closed {
            return Err(BudgetError::Unavailable);
        }
        let is_leased = state.lease_until.is_some_and(|until| Instant::now() < until);
        if is_leased {
            let was_clean = !state.ledger.is_dirty();
            if state.ledger.take(&slots, estimate, now) {
                let generation = state.ledger.generation();
                drop(state);
                self.wake_if(was_clean);
                return Ok(Taken::Hold(Hold::new(Arc::clone(self), slots, estimate, generation).begin()));
            }
        }
        if let Some(slot) = state.ledger.spent(&slots, estimate) {
            return Err(state.exceeded(slot));
        }
        let (reply, answer) = oneshot::channel();
        state.ledger.queue(&slots);
        state.waiting.push_back(Waiting { call: Call { slots, estimate }, reply });
        drop(state);
        self.wake.notify_one();
        Ok(Taken::Waits(answer))
    }

    /// Ends a hold, and accounts for its call.
    pub(crate) fn close(&self, ended: Ended, row: Option<UsageRow>) {
        let mut state = self.state();
        let was_clean = !state.ledger.is_dirty() && state.rows.is_empty();
        state.ledger.settle(&ended);
        let is_full = row.is_some_and(|row| state.record(row, &self.settings));
        drop(state);
        self.wake_if(was_clean || is_full);
    }

    /// Accounts for a call.
    pub(crate) fn record(&self, row: UsageRow) {
        let mut state = self.state();
        let was_clean = !state.ledger.is_dirty() && state.rows.is_empty();
        let is_full = state.record(row, &self.settings);
        drop(state);
        self.wake_if(was_clean || is_full);
    }

    /// The committer sleeps when there is nothing to write, and sees by itself that there is more.
    fn wake_if(&self, is_news: bool) {
        if is_news {
            self.wake.notify_one();
        }
    }

    /// Gives those who wait what storage has answered. Replies leave after the lock: who is not there any more to take
    /// a hold drops it, and that takes the lock.
    pub(crate) fn serve(self: &Arc<Self>) {
        let now = self.now();
        let mut replies = Vec::new();
        let mut state = self.state();
        for waiting in std::mem::take(&mut state.waiting) {
            if waiting.reply.is_closed() {
                state.ledger.unqueue(&waiting.call.slots);
                continue;
            }
            let Some(outcome) = state.ledger.serve(&waiting.call, now) else {
                state.waiting.push_back(waiting);
                continue;
            };
            state.ledger.unqueue(&waiting.call.slots);
            let generation = state.ledger.generation();
            let Call { slots, estimate } = waiting.call;
            let reply = match outcome {
                Ok(()) => Ok(Hold::new(Arc::clone(self), slots, estimate, generation)),
                Err(slot) => Err(state.exceeded(slot)),
            };
            replies.push((waiting.reply, reply));
        }
        drop(state);
        for (reply, outcome) in replies {
            let _gone = reply.send(outcome);
        }
    }

    /// Tells all who wait that nobody knows.
    pub(crate) fn fail_waiting(&self) {
        let mut state = self.state();
        let failed = std::mem::take(&mut state.waiting);
        for waiting in &failed {
            state.ledger.unqueue(&waiting.call.slots);
        }
        drop(state);
        for waiting in failed {
            let _gone = waiting.reply.send(Err(BudgetError::Unavailable));
        }
    }
}

impl State {
    fn slots<'a>(
        &mut self,
        rules: impl Iterator<Item = &'a BudgetRule>,
        who: &Subjects<'_>,
        now: Timestamp,
    ) -> Vec<Slot> {
        if !self.windows.contain(now) {
            self.windows = Windows::at(now);
        }
        let mut slots = Vec::new();
        for rule in rules {
            let Some(key) = crate::BudgetKey::of(rule, who, self.windows.since(rule.period)) else {
                continue;
            };
            let slot = self.ledger.slot(key, rule);
            if !slots.contains(&slot) {
                slots.push(slot);
            }
        }
        slots
    }

    /// Keeps a row, and tells whether that makes a full batch. A backlog that is full keeps what it has: the account
    /// then ends where storage went away, and has no holes before.
    fn record(&mut self, row: UsageRow, settings: &AccountSettings) -> bool {
        if self.rows.len() >= settings.backlog {
            self.lost_rows += 1;
            return false;
        }
        self.rows.push(row);
        self.rows.len() == settings.rows
    }

    fn exceeded(&mut self, slot: Slot) -> BudgetError {
        let (key, period, limit) = self.ledger.key(slot);
        BudgetError::Exceeded { budget: key.rule, period, limit, renews_at: self.windows.renews(period) }
    }
}
