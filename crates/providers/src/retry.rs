//! Repeats calls, for whoever uses a provider without the gateway. The gateway repeats calls itself, and must not be
//! given one of these: repeats multiply.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatModel, Description, Missed, Next, Repeat, Step, Tried, Walker, walk,
};

use crate::pacing::{Pacing, Timer};
use crate::{CallObserver, MissReport};

/// A model that is asked again when a failure may pass.
pub struct Retry {
    inner: Arc<dyn ChatModel>,
    pacing: Pacing,
    provider: Arc<str>,
}

impl Retry {
    /// The model, asked as often as `repeat` says.
    pub fn new(inner: Arc<dyn ChatModel>, repeat: Repeat) -> Self {
        let provider = inner.describe().provider.into();
        Self { inner, pacing: Pacing::new(repeat), provider }
    }

    /// The same with a deadline, for everything until the answer or its first token is there.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.pacing.limit = Some(limit);
        self
    }

    /// The same with a source of chance between nought and one, for [`Repeat::jitter`].
    #[must_use]
    pub fn drawing(mut self, draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.pacing.draw = Arc::new(draw);
        self
    }

    /// The same, with every failed attempt told to `observer`.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn CallObserver>) -> Self {
        self.pacing.observer = Some(observer);
        self
    }
}

#[async_trait]
impl ChatModel for Retry {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let mut walker = Repeats { retry: self, ask, timer: self.pacing.start() };
        let end = walk(1, self.pacing.repeat, &mut walker).await;
        end.map(|arrived| arrived.won).map_err(|lost| lost.error)
    }

    fn describe(&self) -> Description {
        self.inner.describe()
    }
}

struct Repeats<'a> {
    retry: &'a Retry,
    ask: Ask<'a>,
    timer: Timer<'a>,
}

impl Walker for Repeats<'_> {
    type Won = Answer;

    async fn attempt(&mut self, _step: Step) -> Tried<Answer> {
        match self.timer.call(&*self.retry.inner, &self.retry.provider, self.ask).await {
            Ok(answer) => Tried::Won(answer),
            Err(error) => Tried::Failed(error),
        }
    }

    async fn pause(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn left(&self) -> Option<Duration> {
        self.timer.left()
    }

    fn draw(&mut self) -> f64 {
        self.timer.draw()
    }

    fn missed(&mut self, missed: &Missed, next: Next) {
        self.timer.tell(&MissReport {
            provider: &self.retry.provider,
            model: self.ask.model(),
            step: missed.step,
            kind: missed.error.kind(),
            next,
        });
    }
}
