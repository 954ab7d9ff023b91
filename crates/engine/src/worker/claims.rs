//! The claim loop: takes due tasks as there is room for them. What a worker may have died of runs alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use codeflow_core::MessageId;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::cache::lock;
use crate::plan::DEFAULT_LANE;
use crate::ports::{Claim, Message, MessageBody, Task, Work};
use crate::{Error, ErrorKind};

/// How many timers become due in one step.
const PROMOTE: u32 = 1_000;

/// How many executions get their place in one step.
const ADMIT: u32 = 1_000;

/// A claim takes no more than this.
const MOST: usize = 1_000;

/// Tasks are claimed ahead for as long as it takes to claim some more.
const AHEAD: Duration = Duration::from_millis(50);

/// A task that this worker holds, with the token that stops it.
pub(super) type Taken = (CancellationToken, Task);

/// What the loop remembers from one round to the next.
struct Round {
    /// The last look found as much as it asked for: there may be more.
    more: bool,
    /// Somebody says that there is something new, or it is time to see for oneself.
    look: bool,
    /// When the queue is looked at though nobody said anything.
    poll: Instant,
    pace: Pace,
}

/// How fast tasks are done with: what is claimed ahead of the slots depends on it.
struct Pace {
    since: Instant,
    finished: u64,
    per_second: f64,
}

impl Pace {
    fn new() -> Self {
        Self { since: Instant::now(), finished: 0, per_second: 0.0 }
    }

    /// How many tasks are claimed beyond those that have a slot: none while they take long.
    fn ahead(&mut self, finished: u64) -> usize {
        let elapsed = self.since.elapsed();
        if elapsed >= AHEAD / 10 {
            let done = u32::try_from(finished - self.finished).unwrap_or(u32::MAX);
            let now = f64::from(done) / elapsed.as_secs_f64();
            self.per_second = (self.per_second + now) / 2.0;
            (self.since, self.finished) = (Instant::now(), finished);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is small and positive"
        )]
        let ahead = (self.per_second * AHEAD.as_secs_f64()) as usize;
        ahead.min(MOST)
    }
}

impl Boot {
    /// Claims and starts tasks until told to stop, or until the lease is lost.
    pub(super) async fn claim_until(self: &Arc<Self>, stop: &CancellationToken) {
        let now = Instant::now();
        let mut round = Round { more: false, look: true, poll: now, pace: Pace::new() };
        loop {
            if stop.is_cancelled() || self.lost.is_cancelled() {
                return;
            }
            // A claim may be dropped halfway only when nothing that it got could be kept.
            let looked = tokio::select! {
                biased;
                () = self.lost.cancelled() => return,
                looked = self.look(&mut round) => looked,
            };
            match looked {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::LeaseLost => {
                    self.lose();
                    return;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "could not claim work");
                    round.poll = Instant::now() + self.settings.poll;
                }
            }
            let due = lock(&self.next_due).map_or(round.poll, |due| due.min(round.poll));
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.lost.cancelled() => return,
                // Without a committer nothing becomes durable any more.
                () = self.a_committer_is_gone() => return self.lose(),
                () = self.engine.wake.notified() => round.look = true,
                () = self.room.notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// Makes due what is due, and takes what there is room for. Says whether to do so again at once.
    async fn look(self: &Arc<Self>, round: &mut Round) -> Result<bool, Error> {
        let now = Instant::now();
        let polls = now >= round.poll;
        if polls || lock(&self.next_due).is_some_and(|due| now >= due) {
            round.look |= self.promote().await? || polls;
        }
        if polls || self.freed.swap(false, Ordering::SeqCst) {
            round.look |= self.admit().await?;
        }
        if polls {
            self.settle_doubts().await?;
            self.give_back().await?;
            round.poll = now + self.jittered(self.settings.poll);
        }
        if !round.look && !round.more {
            return Ok(false);
        }
        let Some(claim) = self.wanted(round) else {
            return Ok(false);
        };
        round.look = false;
        let (limit, suspect) = (claim.limit, claim.suspect);
        let batch = claim.batch;
        // One without an answer may be granted, even later on: made again, its batch could be given out twice.
        let claimed = self.engine.parts.store.claim(self.session, claim).await.inspect_err(|_| {
            lock(&self.doubtful).push((batch, Instant::now()));
        })?;
        let was_alone = self.alone.load(Ordering::SeqCst);
        let alone = claimed.suspects_waiting || (suspect && !claimed.tasks.is_empty());
        self.alone.store(alone, Ordering::SeqCst);
        let full = claimed.more || claimed.tasks.len() >= limit as usize;
        round.more = full || alone || was_alone;
        self.busy.store(full, Ordering::SeqCst);
        let turned = alone != was_alone && self.flight.len() == 0 && claimed.tasks.is_empty();
        let again = !alone && full && !claimed.tasks.is_empty();
        self.launch(claimed.tasks).await;
        Ok(turned || again)
    }

    /// Moves what is due into the queue, and remembers when to do so again. Says whether something moved.
    async fn promote(&self) -> Result<bool, Error> {
        // Whatever is planned from here on counts as well.
        let asked = Instant::now();
        *lock(&self.next_due) = None;
        let promoted = self.engine.parts.store.promote(PROMOTE).await.inspect_err(|_| {
            *lock(&self.next_due) = Some(asked + self.settings.poll);
        })?;
        if let Some(next) = promoted.next {
            self.due_in(next);
        }
        Ok(promoted.moved > 0)
    }

    /// Lets those run that waited for a place under their key. Says whether there were some.
    async fn admit(&self) -> Result<bool, Error> {
        let admitted = self.engine.parts.store.admit(ADMIT).await.inspect_err(|_| {
            self.freed.store(true, Ordering::SeqCst);
        })?;
        for (old, new) in admitted.replaced {
            // The same message however often it is sent.
            let id = MessageId::from_uuid(uuid::Uuid::from_u128(old.uuid().as_u128() ^ new.uuid().as_u128()));
            let (by, reason) =
                (format!("execution {new}"), Some("it was replaced by a newer one".to_owned()));
            match self.engine.leave(old, Message { id, body: MessageBody::Cancel { by, reason } }).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if admitted.admitted > 0 {
            self.engine.work_is_due(DEFAULT_LANE);
        }
        Ok(admitted.admitted > 0)
    }

    /// Something becomes due after this time.
    pub(super) fn due_in(&self, after: Duration) {
        // Beyond any poll it does not matter when.
        let due = Instant::now() + after.min(Duration::from_secs(3600));
        let mut next = lock(&self.next_due);
        *next = Some(next.map_or(due, |next| next.min(due)));
    }

    /// As many tasks as there is room for; one while it must run alone; nothing when it is not worth asking.
    fn wanted(&self, round: &mut Round) -> Option<Claim> {
        let held = self.flight.len();
        let alone = self.alone.load(Ordering::SeqCst);
        let ahead = round.pace.ahead(self.flight.finished());
        let free = (self.settings.concurrency + ahead).saturating_sub(held).min(MOST);
        let limit = match (alone, held == 0) {
            (true, true) => 1,
            (true, false) => 0,
            // While tasks are done fast, many are claimed at once.
            (false, _) if free * 4 < ahead => 0,
            (false, _) => free,
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let lanes = self.settings.lanes.clone();
        (limit > 0).then(|| Claim { batch: self.batch_id(), lanes, limit, suspect: alone })
    }

    /// Starts claimed tasks.
    pub(super) async fn launch(self: &Arc<Self>, tasks: Vec<Task>) {
        // They count as held from now on, whatever becomes of the reading.
        let taken = tasks.into_iter().filter_map(|task| self.hold(task)).collect();
        self.begin(taken).await;
    }

    /// Counts a task as held; nothing if it is already.
    pub(super) fn hold(&self, task: Task) -> Option<Taken> {
        self.flight.add(&task).map(|stop| (stop, task))
    }

    /// Starts tasks that count as held. Their executions are read together.
    pub(super) async fn begin(self: &Arc<Self>, taken: Vec<Taken>) {
        let attempts = taken.iter().filter(|(_, task)| matches!(task.work, Work::Attempt(_)));
        let executions = attempts.map(|(_, task)| task.execution);
        if let Err(error) = self.executions.warm(executions).await {
            tracing::warn!(error = %error, "could not read executions together; each is read by itself");
        }
        for (stop, task) in taken {
            self.attempts.spawn("attempt", Arc::clone(self).run(task, stop));
        }
    }

    /// Takes up what commits and claims without an answer may have taken. A statement that is still on its way
    /// ends before the lease does.
    async fn settle_doubts(self: &Arc<Self>) -> Result<(), Error> {
        let mut doubtful = std::mem::take(&mut *lock(&self.doubtful));
        while let Some((batch, since)) = doubtful.pop() {
            let claim = Claim { batch, lanes: Vec::new(), limit: 0, suspect: false };
            // The answer is about this moment, however long it takes.
            let age = since.elapsed();
            match self.engine.parts.store.claim(self.session, claim).await {
                Ok(held) => {
                    match held.tasks.is_empty() {
                        true if age < self.settings.lease => {
                            lock(&self.doubtful).push((batch, since));
                        }
                        // What it may have held is done with, and storage may forget the batch.
                        true => self.flight.still_over(vec![batch]),
                        false => {}
                    }
                    self.launch(held.tasks).await;
                }
                Err(error) => {
                    doubtful.push((batch, since));
                    lock(&self.doubtful).append(&mut doubtful);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}
