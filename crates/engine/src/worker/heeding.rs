//! Heeds wake-ups: those of others wake the claim loop, and what this worker cannot take itself is told to others.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::ports::Advance;
use crate::wakeups::CONTROL;

impl Boot {
    /// Looks at the queue as soon as another process says that there is work.
    pub(super) async fn heed(self: Arc<Self>, end: CancellationToken) {
        let mut listener = self.engine.wakeups.listen(&self.settings.lanes);
        loop {
            tokio::select! {
                biased;
                () = end.cancelled() => return,
                () = listener.rung() => self.engine.wake.notify_one(),
            }
        }
    }

    /// Tells others what a commit means for them: work that there is no room for here, an execution that is to stop.
    pub(super) fn tell_others(&self, advance: &Advance) {
        let due = advance.tasks.iter().filter(|task| task.after.is_none() && task.taken.is_none());
        let free = self.settings.concurrency.saturating_sub(self.flight.len());
        let own = |lane: &String| self.settings.lanes.contains(lane);
        let (here, there): (Vec<_>, Vec<_>) = due.map(|task| &task.lane).partition(|lane| own(lane));
        let left_over = here.into_iter().skip(free);
        for lane in left_over.chain(there).collect::<BTreeSet<_>>() {
            self.engine.wakeups.ring(lane);
        }
        if advance.stopping {
            self.engine.wakeups.ring(CONTROL);
        }
    }
}
