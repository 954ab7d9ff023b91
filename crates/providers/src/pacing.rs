//! What wrappers share that keep time: a deadline, chance, and somebody who listens.

use std::sync::Arc;
use std::time::Duration;

use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, Details, ErrorKind, Reach, Repeat};
use tokio::time::{Instant, timeout};

use crate::{CallObserver, MissReport};

/// How calls are repeated.
pub(crate) struct Pacing {
    pub(crate) repeat: Repeat,
    pub(crate) limit: Option<Duration>,
    pub(crate) draw: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) observer: Option<Arc<dyn CallObserver>>,
}

impl Pacing {
    pub(crate) fn new(repeat: Repeat) -> Self {
        Self { repeat, limit: None, draw: Arc::new(|| 1.0), observer: None }
    }

    pub(crate) fn start(&self) -> Timer<'_> {
        Timer { pacing: self, began: Instant::now() }
    }
}

/// The time of one call.
pub(crate) struct Timer<'a> {
    pacing: &'a Pacing,
    began: Instant,
}

impl Timer<'_> {
    pub(crate) fn left(&self) -> Option<Duration> {
        Some(self.pacing.limit?.saturating_sub(self.began.elapsed()))
    }

    pub(crate) fn draw(&self) -> f64 {
        (self.pacing.draw)()
    }

    pub(crate) fn tell(&self, miss: &MissReport<'_>) {
        if let Some(observer) = &self.pacing.observer {
            observer.missed(miss);
        }
    }

    /// Makes one call in the time that is left.
    pub(crate) async fn call(
        &self,
        model: &dyn ChatModel,
        provider: &str,
        ask: Ask<'_>,
    ) -> Result<Answer, ApiClientError> {
        let Some(left) = self.left() else { return model.call(ask).await };
        timeout(left, model.call(ask)).await.unwrap_or_else(|_| {
            let details = Details {
                provider: provider.to_owned(),
                model: ask.model().to_owned(),
                reach: Reach::Unknown,
                ..Details::default()
            };
            let text = format!("`{provider}` did not answer before the call's deadline");
            Err(ApiClientError::new(ErrorKind::Timeout, text).about(details))
        })
    }
}

/// The moment `wait` from `now`, or one that nobody lives to see.
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(3600 * 24 * 365 * 30);
    now + wait.min(YEARS)
}
