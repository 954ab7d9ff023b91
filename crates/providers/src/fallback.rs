//! A chain of models, of which the next is asked when one fails. What has to happen around each hop is a guard's
//! business.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatModel, Description, ErrorKind, Missed, Next, Repeat, Step, Tried,
    Walker, walk,
};

use crate::pacing::{Pacing, Timer};
use crate::{CallObserver, MissReport};

/// One model of a chain.
#[derive(Clone)]
pub struct Hop {
    /// Who answers.
    pub model: Arc<dyn ChatModel>,
    /// The model to ask for, by the provider's own name for it.
    pub name: String,
}

/// An attempt at one model of a chain, as a guard sees it.
#[derive(Clone, Copy, Debug)]
pub struct HopAttempt<'a> {
    /// Which attempt.
    pub step: Step,
    /// Who is asked.
    pub provider: &'a str,
    /// What is asked, with the name of this hop's model.
    pub ask: Ask<'a>,
}

/// What happens around each attempt: rules, limits, money set aside and settled.
#[async_trait]
pub trait HopGuard: Send + Sync {
    /// What an attempt holds. It must let go of itself when it is dropped: a caller who gives up drops it.
    type Pass: Send;

    /// Before the attempt.
    ///
    /// # Errors
    ///
    /// Why this model must not be asked. The next one may be.
    async fn enter(&self, attempt: &HopAttempt<'_>) -> Result<Self::Pass, ApiClientError>;

    /// After the attempt. A streamed answer has only begun then: a guard that has to see its end wraps the stream, and
    /// may keep the pass in it.
    ///
    /// # Errors
    ///
    /// What the attempt failed with, or why its answer must not be given.
    async fn leave(
        &self,
        pass: Self::Pass,
        attempt: &HopAttempt<'_>,
        outcome: Result<Answer, ApiClientError>,
    ) -> Result<Answer, ApiClientError>;
}

/// Lets everything pass.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unguarded;

#[async_trait]
impl HopGuard for Unguarded {
    type Pass = ();

    async fn enter(&self, _attempt: &HopAttempt<'_>) -> Result<(), ApiClientError> {
        Ok(())
    }

    async fn leave(
        &self,
        _pass: (),
        _attempt: &HopAttempt<'_>,
        outcome: Result<Answer, ApiClientError>,
    ) -> Result<Answer, ApiClientError> {
        outcome
    }
}

/// A chain of models. The name of the model in a request does not matter: each hop has its own.
pub struct Fallback<G = Unguarded> {
    hops: Vec<(Hop, Description)>,
    pacing: Pacing,
    guard: G,
}

impl Fallback {
    /// A chain. `repeat` says how often one call is repeated on the same model, in the whole chain.
    ///
    /// # Errors
    ///
    /// `Internal` when the chain is empty.
    pub fn new(hops: Vec<Hop>, repeat: Repeat) -> Result<Self, ApiClientError> {
        if hops.is_empty() {
            return Err(ApiClientError::new(ErrorKind::Internal, "a chain needs a model"));
        }
        let described = |hop: Hop| {
            let description = hop.model.describe();
            (hop, description)
        };
        let hops = hops.into_iter().map(described).collect();
        Ok(Self { hops, pacing: Pacing::new(repeat), guard: Unguarded })
    }
}

impl<G> Fallback<G> {
    /// The same chain behind another guard.
    pub fn guarded<H: HopGuard>(self, guard: H) -> Fallback<H> {
        Fallback { hops: self.hops, pacing: self.pacing, guard }
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
impl<G: HopGuard> ChatModel for Fallback<G> {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        let mut walker = Hops { chain: self, ask, timer: self.pacing.start() };
        let end = walk(self.hops.len(), self.pacing.repeat, &mut walker).await;
        end.map(|arrived| arrived.won).map_err(|lost| lost.error)
    }

    /// The first model's, which is the one that answers when nothing is wrong.
    fn describe(&self) -> Description {
        self.hops[0].1.clone()
    }
}

struct Hops<'a, G> {
    chain: &'a Fallback<G>,
    ask: Ask<'a>,
    timer: Timer<'a>,
}

impl<G: HopGuard> Walker for Hops<'_, G> {
    type Won = Answer;

    async fn attempt(&mut self, step: Step) -> Tried<Answer> {
        let (hop, description) = &self.chain.hops[step.hop];
        if let Ask::Forward(request) = self.ask
            && description.passes != Some(request.format)
        {
            let text =
                format!("`{}` does not take requests of that format as they are", description.provider);
            return Tried::Skipped(ApiClientError::new(ErrorKind::InvalidRequest, text));
        }
        let request = self.ask.renamed(&hop.name);
        let attempt = HopAttempt { step, provider: &description.provider, ask: request.ask() };
        let pass = match self.chain.guard.enter(&attempt).await {
            Ok(pass) => pass,
            Err(error) => return Tried::Skipped(error),
        };
        let outcome = self.timer.call(&*hop.model, &description.provider, attempt.ask).await;
        match self.chain.guard.leave(pass, &attempt, outcome).await {
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
        let (hop, description) = &self.chain.hops[missed.step.hop];
        self.timer.tell(&MissReport {
            provider: &description.provider,
            model: &hop.name,
            step: missed.step,
            kind: missed.error.kind(),
            next,
        });
    }
}
