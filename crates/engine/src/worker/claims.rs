//! The claim loop: takes due tasks as slots come free. What a worker may have died of runs alone.

use std::sync::Arc;
use std::time::Duration;

use codeflow_runtime::Tasks;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::ports::Claim;
use crate::{Error, ErrorKind};

/// How many timers become due in one step.
const PROMOTE: u32 = 1_000;

/// What the loop remembers from one round to the next.
#[derive(Default)]
struct Round {
    /// A task that must run alone waits, or runs: nothing else is taken until it is through.
    alone: bool,
    /// A claim without an answer. It may have been granted, so it is made again until it has one.
    unanswered: Option<Claim>,
}

impl Boot {
    /// Claims and starts tasks until told to stop, or until the lease is lost.
    pub(super) async fn claim_until(self: &Arc<Self>, stop: &CancellationToken, attempts: &Tasks) {
        let mut round = Round::default();
        loop {
            if stop.is_cancelled() || self.lost.is_cancelled() {
                return;
            }
            let woken = self.engine.wake.notified();
            // A claim may be dropped halfway only when nothing that it got could be kept.
            let claimed = tokio::select! {
                () = self.lost.cancelled() => return,
                claimed = self.claim_once(&mut round, attempts) => claimed,
            };
            let pause = match claimed {
                Ok(pause) => pause,
                Err(error) if error.kind() == ErrorKind::LeaseLost => {
                    self.lose();
                    return;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "could not claim work");
                    self.settings.poll
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.lost.cancelled() => return,
                // Without a committer nothing becomes durable any more.
                () = self.reports.closed() => return self.lose(),
                () = woken => {}
                () = sleep(pause) => {}
            }
        }
    }

    /// Takes what there is room for, and says how long to wait before looking again.
    async fn claim_once(self: &Arc<Self>, round: &mut Round, attempts: &Tasks) -> Result<Duration, Error> {
        let store = &self.engine.parts.store;
        let promoted = store.promote(PROMOTE).await?;
        let poll = self.jittered(self.settings.poll);
        let pause = promoted.next.map_or(poll, |next| next.min(poll));
        let claim = round.unanswered.take().unwrap_or_else(|| self.wanted(round));
        let (limit, suspect) = (claim.limit, claim.suspect);
        if limit == 0 {
            return Ok(pause);
        }
        round.unanswered = Some(claim.clone());
        let claimed = store.claim(self.session, claim).await?;
        round.unanswered = None;
        let was_alone = round.alone;
        round.alone = claimed.suspects_waiting || (suspect && !claimed.tasks.is_empty());
        let taken = claimed.tasks.len();
        for task in claimed.tasks {
            let stop = self.flight.add(&task);
            attempts.spawn("attempt", Arc::clone(self).run(task, stop));
        }
        let turned = round.alone != was_alone && self.flight.len() == 0;
        let again = taken == limit as usize || turned;
        Ok(if again { Duration::ZERO } else { pause })
    }

    /// As many tasks as there is room for; one while it must run alone.
    fn wanted(&self, round: &Round) -> Claim {
        let idle = self.flight.len() == 0;
        let free = self.settings.concurrency.saturating_sub(self.flight.len());
        let limit = match (round.alone, idle) {
            (true, true) => 1,
            (true, false) => 0,
            (false, _) => u32::try_from(free).unwrap_or(u32::MAX),
        };
        let lanes = self.settings.lanes.clone();
        Claim { batch: self.batch_id(), lanes, limit, suspect: round.alone && idle }
    }
}
