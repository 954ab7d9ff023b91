//! Several processes and whoever keeps their count, all in one paused runtime.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::Clock;
use codeflow_ratelimit::{Ask, Decision, Limit, SharedLimiter, Sharing};
use codeflow_runtime::Tasks;
use codeflow_testkit::{MemoryLimits, TokioClock};

pub(super) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(super) struct World {
    pub(super) count: Arc<MemoryLimits>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tasks: Tasks,
}

impl World {
    pub(super) fn new() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::default());
        Self { count: Arc::new(MemoryLimits::new(clock.clone())), clock, tasks: Tasks::new() }
    }

    /// A process that counts together with the others.
    pub(super) async fn process(&self) -> Process {
        let limiter = SharedLimiter::new(self.count.clone(), self.clock.clone(), Sharing::default());
        let process = Process(Arc::new(limiter));
        let (limiter, stop) = (process.0.clone(), self.tasks.stop_token());
        self.tasks.spawn("limits", async move { limiter.run(stop).await });
        while process.0.is_degraded() {
            sleep(1).await;
        }
        process
    }
}

#[derive(Clone)]
pub(super) struct Process(pub(super) Arc<SharedLimiter>);

impl Process {
    pub(super) async fn check(&self, limit: &Limit, cost: u32) -> Decision {
        let ask = Ask { subject: "ada", limit, cost };
        self.0.check_all(&[ask]).await.expect("something was asked for")
    }

    pub(super) async fn admits(&self, limit: &Limit) -> bool {
        self.check(limit, 1).await.is_allowed()
    }

    /// How many in a row are admitted.
    pub(super) async fn admitted(&self, limit: &Limit) -> u32 {
        let mut count = 0;
        while self.admits(limit).await {
            count += 1;
        }
        count
    }
}

pub(super) async fn sleep(millis: u64) {
    tokio::time::sleep(ms(millis)).await;
}

/// A row of numbers that is the same every time.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `bound`.
    pub(super) fn roll(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
