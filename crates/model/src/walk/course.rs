//! The loop of a walk. Whoever walks makes the attempts and the waits.

use std::future::Future;
use std::time::Duration;

use crate::{ApiClientError, ErrorKind, Next, Repeat, Walk};

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which model of the chain, from nought.
    pub hop: usize,
    /// The number of the attempt at this model, from one.
    pub attempt: u32,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Tried<T> {
    /// An answer.
    Won(T),
    /// The model was asked, or should have been, and failed.
    Failed(ApiClientError),
    /// The model must not be asked: a rule of ours forbids it, or it lacks what the request needs. Another may be,
    /// whatever the kind of the error.
    Skipped(ApiClientError),
    /// The model was not asked, and for the same reason no other one must be.
    Stopped(ApiClientError),
}

/// Makes the attempts of one walk. A walk that is dropped drops the attempt or the wait it is in, so whatever an attempt
/// holds must let go of itself.
pub trait Walker: Send {
    /// What an attempt wins.
    type Won: Send;

    /// Makes one attempt: everything that one hop needs before, during and after it.
    fn attempt(&mut self, step: Step) -> impl Future<Output = Tried<Self::Won>> + Send;

    /// Waits.
    fn pause(&mut self, wait: Duration) -> impl Future<Output = ()> + Send;

    /// The time until the deadline, if there is one.
    fn left(&self) -> Option<Duration>;

    /// A number between nothing and one for the jitter.
    fn draw(&mut self) -> f64 {
        1.0
    }

    /// Hears what follows an attempt that failed, before it happens.
    fn missed(&mut self, _missed: &Missed, _next: Next) {}
}

/// The end of a walk that found an answer.
#[derive(Debug)]
pub struct Arrived<T> {
    /// The answer.
    pub won: T,
    /// The attempt that won it.
    pub step: Step,
    /// The attempts before it.
    pub missed: Vec<Missed>,
}

/// The end of a walk that found none.
#[derive(Clone, Debug)]
pub struct Lost {
    /// What to tell the caller: why the walk was stopped, or the last failure, or, when nobody could be asked, why the
    /// last model was not.
    pub error: ApiClientError,
    /// Every attempt.
    pub missed: Vec<Missed>,
}

/// An attempt that won nothing.
#[derive(Clone, Debug)]
pub struct Missed {
    /// Which one.
    pub step: Step,
    /// Why.
    pub error: ApiClientError,
    /// Whether the model was not asked at all.
    pub skipped: bool,
}

/// Walks a chain of `hops` models until one answers or nothing else may help.
///
/// ```
/// use std::time::Duration;
///
/// use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, Repeat, Step, Tried, Walker, walk};
///
/// /// Asks each model under its own name, if a rule allows it.
/// struct Route<'a> {
///     hops: Vec<(&'a dyn ChatModel, &'a str)>,
///     ask: Ask<'a>,
///     rule: fn(&str) -> Result<(), ApiClientError>,
/// }
///
/// impl Walker for Route<'_> {
///     type Won = Answer;
///
///     async fn attempt(&mut self, step: Step) -> Tried<Answer> {
///         let (model, name) = self.hops[step.hop];
///         if let Err(refused) = (self.rule)(name) {
///             return Tried::Skipped(refused);
///         }
///         match model.call(self.ask.renamed(name).ask()).await {
///             Ok(answer) => Tried::Won(answer),
///             Err(error) => Tried::Failed(error),
///         }
///     }
///
///     async fn pause(&mut self, wait: Duration) {
///         // The runtime's sleep.
/// #       let _ = wait;
///     }
///
///     fn left(&self) -> Option<Duration> {
///         None
///     }
/// }
///
/// # async fn ask(mut route: Route<'_>) -> Result<Answer, ApiClientError> {
/// let arrived = walk(route.hops.len(), Repeat::default(), &mut route).await.map_err(|lost| lost.error)?;
/// // `arrived.step` and `arrived.missed` tell how it was found.
/// # Ok(arrived.won)
/// # }
/// ```
///
/// # Errors
///
/// What the models fail with; `Internal` when the chain is empty.
pub async fn walk<W: Walker>(hops: usize, repeat: Repeat, walker: &mut W) -> Result<Arrived<W::Won>, Lost> {
    let mut walk = Walk::new(hops, repeat);
    let mut missed = Vec::new();
    if hops == 0 {
        let error = ApiClientError::new(ErrorKind::Internal, "there is no model to ask");
        return Err(Lost { error, missed });
    }
    loop {
        let step = walk.step();
        let (miss, next) = match walker.attempt(step).await {
            Tried::Won(won) => return Ok(Arrived { won, step, missed }),
            Tried::Failed(error) => {
                let draw = walker.draw();
                let next = walk.next(&error, walker.left(), draw);
                (Missed { step, error, skipped: false }, next)
            }
            Tried::Skipped(error) => (Missed { step, error, skipped: true }, walk.skip()),
            Tried::Stopped(error) => return Err(stopped(walker, missed, step, error)),
        };
        walker.missed(&miss, next);
        match next {
            Next::Again(wait) => {
                missed.push(miss);
                walker.pause(wait).await;
            }
            Next::Fallback => missed.push(miss),
            Next::GiveUp => return Err(lost(missed, miss)),
        }
    }
}

/// Whatever was asked before, the caller hears why nobody else was.
fn stopped<W: Walker>(walker: &mut W, mut missed: Vec<Missed>, step: Step, error: ApiClientError) -> Lost {
    let miss = Missed { step, error: error.clone(), skipped: true };
    walker.missed(&miss, Next::GiveUp);
    missed.push(miss);
    Lost { error, missed }
}

fn lost(mut missed: Vec<Missed>, last: Missed) -> Lost {
    let asked = missed.iter().rfind(|miss| !miss.skipped).filter(|_| last.skipped);
    let error = asked.unwrap_or(&last).error.clone();
    missed.push(last);
    Lost { error, missed }
}
