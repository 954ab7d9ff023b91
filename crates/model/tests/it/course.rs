//! The loop of a walk, with a walker that follows a script.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use codeflow_model::{
    ApiClientError, Ask, ChatRequest, Details, ErrorKind, Lost, Message, Missed, Next, Reach, Repeat, Role,
    Step, Tried, Walker, walk,
};

/// Plays a script, and owns the time: only waits take any.
struct Script {
    outcomes: Vec<Tried<&'static str>>,
    left: Option<Duration>,
    seen: Vec<String>,
}

impl Script {
    fn new(outcomes: impl IntoIterator<Item = Tried<&'static str>>) -> Self {
        let mut outcomes: Vec<_> = outcomes.into_iter().collect();
        outcomes.reverse();
        Self { outcomes, left: None, seen: Vec::new() }
    }

    fn run(&mut self, hops: usize) -> Result<(&'static str, Step, Vec<Missed>), Lost> {
        let mut run = pin!(walk(hops, Repeat::default(), self));
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(end) => end.map(|arrived| (arrived.won, arrived.step, arrived.missed)),
            Poll::Pending => unreachable!("the script never waits"),
        }
    }
}

impl Walker for Script {
    type Won = &'static str;

    async fn attempt(&mut self, step: Step) -> Tried<&'static str> {
        self.seen.push(format!("ask {}.{}", step.hop, step.attempt));
        self.outcomes.pop().expect("the script is long enough")
    }

    async fn pause(&mut self, wait: Duration) {
        self.seen.push(format!("wait {}", wait.as_secs()));
        self.left = self.left.map(|left| left - wait);
    }

    fn left(&self) -> Option<Duration> {
        self.left
    }

    fn missed(&mut self, missed: &Missed, next: Next) {
        let next = match next {
            Next::Again(_) => "again",
            Next::Fallback => "next",
            Next::GiveUp => "over",
        };
        self.seen.push(format!("{} {next}", missed.error));
    }
}

fn error(kind: ErrorKind, text: &str) -> ApiClientError {
    let details = Details { reach: Reach::Refused, ..Details::default() };
    ApiClientError::new(kind, text).about(details)
}

fn failed(kind: ErrorKind, text: &str) -> Tried<&'static str> {
    Tried::Failed(error(kind, text))
}

fn skipped(kind: ErrorKind, text: &str) -> Tried<&'static str> {
    Tried::Skipped(error(kind, text))
}

#[test]
fn an_answer_ends_the_walk() {
    let mut script = Script::new([Tried::Won("yes")]);

    let (won, step, missed) = script.run(3).expect("is answered");

    assert_eq!((won, step), ("yes", Step { hop: 0, attempt: 1 }));
    assert!(missed.is_empty());
    assert_eq!(script.seen, ["ask 0.1"]);
}

#[test]
fn each_failure_is_told_before_what_follows_it() {
    let mut script = Script::new([
        failed(ErrorKind::Timeout, "slow"),
        failed(ErrorKind::Authentication, "key"),
        skipped(ErrorKind::InvalidPolicy, "region"),
        Tried::Won("yes"),
    ]);

    let (_, step, missed) = script.run(3).expect("is answered");

    assert_eq!(step, Step { hop: 2, attempt: 1 });
    assert_eq!(missed.iter().map(|miss| miss.skipped).collect::<Vec<_>>(), [false, false, true]);
    let course =
        ["ask 0.1", "slow again", "wait 2", "ask 0.2", "key next", "ask 1.1", "region next", "ask 2.1"];
    assert_eq!(script.seen, course);
}

#[test]
fn a_refusal_of_ours_moves_on_when_it_is_about_one_model_and_ends_the_walk_when_it_is_about_the_call() {
    for kind in [ErrorKind::BudgetExceeded, ErrorKind::InvalidPolicy, ErrorKind::InvalidRequest] {
        let mut about_the_model = Script::new([skipped(kind, "no"), Tried::Won("yes")]);
        let mut about_the_call = Script::new([failed(kind, "no")]);

        assert!(about_the_model.run(2).is_ok());
        assert_eq!(about_the_call.run(2).expect_err("is over").error.kind(), kind);
    }
}

#[test]
fn a_walk_that_is_stopped_asks_nobody_else_whatever_the_kind_and_tells_why() {
    for kind in ErrorKind::ALL {
        let stop = Tried::Stopped(error(kind, "stop"));
        let mut script = Script::new([failed(ErrorKind::Authentication, "key"), stop]);

        let lost = script.run(3).expect_err("is over");

        assert_eq!((lost.error.kind(), lost.error.to_string()), (kind, "stop".to_owned()));
        assert_eq!(lost.missed.iter().map(|miss| miss.skipped).collect::<Vec<_>>(), [false, true]);
        assert_eq!(script.seen, ["ask 0.1", "key next", "ask 1.1", "stop over"]);
    }
}

#[test]
fn the_caller_hears_of_the_last_failure_and_of_a_skipped_model_only_when_none_was_asked() {
    let slow = || failed(ErrorKind::BadResponse, "nonsense");
    let skip = || skipped(ErrorKind::InvalidPolicy, "forbidden");
    for (outcomes, told) in [
        (vec![slow(), skip()], "nonsense"),
        (vec![skip(), slow()], "nonsense"),
        (vec![slow(), failed(ErrorKind::Authentication, "key")], "key"),
        (vec![skip(), skipped(ErrorKind::BudgetExceeded, "spent")], "spent"),
    ] {
        let lost = Script::new(outcomes).run(2).expect_err("nobody answers");

        assert_eq!(lost.error.to_string(), told);
        assert_eq!(lost.missed.len(), 2);
    }
}

#[test]
fn waits_use_up_the_time_that_is_left() {
    let slow = || failed(ErrorKind::Timeout, "slow");
    let mut script = Script::new([slow(), slow(), slow()]);
    script.left = Some(Duration::from_secs(6));

    let lost = script.run(1).expect_err("nobody answers");

    assert_eq!(script.seen, ["ask 0.1", "slow again", "wait 2", "ask 0.2", "slow over"]);
    assert_eq!(lost.missed.len(), 2);
}

#[test]
fn an_empty_chain_is_a_fault_of_ours() {
    let lost = Script::new([]).run(0).expect_err("nobody is there");

    assert_eq!(lost.error.kind(), ErrorKind::Internal);
    assert!(lost.missed.is_empty());
}

#[test]
fn a_request_is_copied_only_for_another_model() {
    let request = ChatRequest::new("a", vec![Message::text(Role::User, "Hello")]);
    let ask = Ask::Stream(&request);

    let (same, other) = (ask.renamed("a"), ask.renamed("b"));

    let Ask::Stream(kept) = same.ask() else { panic!("is a stream") };
    assert!(std::ptr::eq(kept, &raw const request));
    let Ask::Stream(copy) = other.ask() else { panic!("is a stream") };
    assert_eq!(*copy, ChatRequest { model: "b".into(), ..request.clone() });
    assert!(other.ask().is_streamed() && !Ask::Complete(&request).is_streamed());
}
