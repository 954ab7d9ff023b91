//! Keeps the session's lease, and takes over the work of sessions whose lease has ended.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::ErrorKind;
use crate::ports::{Dead, Renewal};
use crate::wakeups::CONTROL;

/// How often the lease is renewed at least: so soon a cancel reaches work that runs here.
const BEAT: Duration = Duration::from_millis(500);

impl Boot {
    /// Renews the lease until told to end. When storage cannot be reached for as long as the lease
    /// lasts, the lease counts as lost: by then another worker may have taken over.
    pub(super) async fn keep_lease(self: Arc<Self>, end: CancellationToken) {
        let beat = BEAT.min(self.settings.lease / 3);
        let mut renewed = Instant::now();
        let mut control = self.engine.wakeups.listen(&[CONTROL.to_owned()]);
        loop {
            let ends = renewed + self.settings.lease;
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                () = self.lost.cancelled() => return,
                () = sleep_until(ends) => return self.lose(),
                () = sleep(beat) => {}
                // Something is to stop, and the renewal tells what.
                () = control.rung() => {}
            }
            let asked = Instant::now();
            // The answer is about what runs now; what begins meanwhile may belong to a restart.
            let running = self.flight.stops();
            let executions: BTreeSet<_> = running.iter().map(|(execution, _)| *execution).collect();
            let (began, over) = (self.flight.untold(), self.flight.take_over());
            let renewal = Renewal {
                ttl: self.settings.lease,
                working: executions.into_iter().collect(),
                began: began.clone(),
                over: over.clone(),
            };
            let renewal = self.engine.parts.store.renew(self.session, renewal);
            let answer = timeout_at(ends.min(asked + self.settings.lease / 3), renewal).await;
            if !matches!(answer, Ok(Ok(_))) {
                self.flight.still_over(over);
            }
            match answer {
                Ok(Ok(stopping)) => {
                    renewed = asked;
                    self.flight.told(began.into_iter().map(|(execution, _)| execution));
                    self.vitals.renew(asked, running.len());
                    let told = running.iter().filter(|(execution, _)| stopping.contains(execution));
                    told.for_each(|(_, stop)| stop.cancel());
                }
                Ok(Err(error)) if error.kind() == ErrorKind::LeaseLost => self.lose(),
                Ok(Err(error)) => tracing::warn!(error = %error, "could not renew the lease"),
                Err(_) => tracing::warn!("renewing the lease takes too long"),
            }
        }
    }

    pub(super) fn lose(&self) {
        self.lost.cancel();
        self.abandon.cancel();
    }

    /// Looks for dead sessions now and then.
    pub(super) async fn recover_others(self: Arc<Self>, end: CancellationToken) {
        loop {
            match self.engine.parts.store.recover(Dead::Expired).await {
                Ok(recovered) if recovered.sessions > 0 => {
                    tracing::info!(
                        sessions = recovered.sessions,
                        tasks = recovered.tasks,
                        quarantined = recovered.quarantined.len(),
                        "took over the work of dead sessions",
                    );
                    self.engine.wake.notify_one();
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = %error, "could not look for dead sessions"),
            }
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                () = sleep(self.jittered(self.settings.lease / 2)) => {}
            }
        }
    }

    /// Up to a quarter more than `duration`, different in each session, so that workers do not ask in step.
    pub(super) fn jittered(&self, duration: Duration) -> Duration {
        let spread = u32::from(self.session.id.uuid().as_bytes()[15]);
        duration + duration / 4 * spread / 255
    }
}
