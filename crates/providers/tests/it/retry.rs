//! Calls that are repeated, with the waits in between.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_model::{ApiClientError, ChatModel, ErrorKind, Next, Repeat};
use codeflow_providers::{
    Availability, Breaker, CallObserver, CircuitSettings, Deadlines, MissReport, Retry, Timeout,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::scripted::{
    Act, Beat, Scripted, TestClock, answer, drain, fail, limited, request, seconds, streams,
};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl CallObserver for Heard {
    fn missed(&self, miss: &MissReport<'_>) {
        let next = match miss.next {
            Next::Again(wait) => format!("again after {wait:?}"),
            Next::Fallback => "fallback".to_owned(),
            Next::GiveUp => "give up".to_owned(),
        };
        let line = format!("{}/{} {} {:?}: {next}", miss.provider, miss.model, miss.step.attempt, miss.kind);
        self.0.lock().expect("no test panicked here").push(line);
    }
}

async fn ask(model: &impl ChatModel) -> (Result<(), ApiClientError>, Duration) {
    let start = Instant::now();
    let outcome = model.complete(&request("m")).await.map(|_| ());
    (outcome, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_asked_three_times_over_six_seconds() {
    for kind in [ErrorKind::Timeout, ErrorKind::ProviderConnection, ErrorKind::Overloaded] {
        let model = Scripted::new("fake", move |_| fail(kind));

        let (outcome, took) = ask(&Retry::new(Arc::clone(&model) as _, Repeat::default())).await;

        assert_eq!(outcome.expect_err("never answers").kind(), kind);
        assert_eq!((model.calls(), took), (3, seconds(6)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_asked_once() {
    for kind in
        [ErrorKind::Authentication, ErrorKind::InvalidRequest, ErrorKind::BadResponse, ErrorKind::RateLimited]
    {
        let model = Scripted::new("fake", move |_| fail(kind));

        let (outcome, took) = ask(&Retry::new(Arc::clone(&model) as _, Repeat::default())).await;

        assert_eq!(outcome.expect_err("never answers").kind(), kind);
        assert_eq!((model.calls(), took), (1, Duration::ZERO), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_failed_attempt_is_told() {
    let heard = Arc::new(Heard::default());
    let model = Scripted::new("fake", |call| {
        if call == 0 { fail(ErrorKind::Timeout) } else { fail(ErrorKind::Authentication) }
    });

    let retry = Retry::new(model, Repeat::default()).observed(Arc::clone(&heard) as _);
    assert!(ask(&retry).await.0.is_err());

    let lines = heard.0.lock().expect("no test panicked here");
    assert_eq!(*lines, ["fake/m 1 Timeout: again after 2s", "fake/m 2 Authentication: give up"]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_is_waited_for_when_it_fits_the_deadline() {
    for (deadline, calls) in [(Some(21), 2), (Some(20), 1), (None, 1)] {
        let script =
            |call| if call == 0 { Act::Fail(seconds(0), limited(Some(seconds(20)))) } else { answer() };
        let model = Scripted::new("fake", script);
        let mut retry = Retry::new(Arc::clone(&model) as _, Repeat::default());
        if let Some(deadline) = deadline {
            retry = retry.within(seconds(deadline));
        }

        let (outcome, took) = ask(&retry).await;

        assert_eq!(model.calls(), calls, "{deadline:?}");
        assert_eq!(outcome.is_ok(), calls == 2);
        assert_eq!(took, seconds(if calls == 2 { 20 } else { 0 }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_an_attempt_and_no_other_follows() {
    let model = Scripted::new("fake", |_| Act::Hang);
    let retry = Retry::new(Arc::clone(&model) as _, Repeat::default()).within(seconds(9));

    let (outcome, took) = ask(&retry).await;

    let error = outcome.expect_err("is late");
    assert_eq!((error.kind(), took), (ErrorKind::Timeout, seconds(9)));
    assert_eq!(error.to_string(), "`fake` did not answer before the call's deadline");
    assert_eq!((model.calls(), model.open()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn chance_comes_from_outside() {
    let repeat = Repeat { jitter: true, ..Repeat::default() };
    let model = Scripted::new("fake", |_| fail(ErrorKind::Timeout));

    let (_, took) = ask(&Retry::new(model, repeat).drawing(|| 0.5)).await;

    assert_eq!(took, seconds(3));
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_repeated_until_its_first_token_and_never_after() {
    let script = |call| match call {
        0 => fail(ErrorKind::ProviderConnection),
        _ => streams([Beat::Say("a"), Beat::Fail(ErrorKind::ProviderConnection)]),
    };
    let model = Scripted::new("fake", script);
    let retry = Retry::new(Arc::clone(&model) as _, Repeat::default());

    let (count, error) = drain(retry.stream(&request("m")).await.expect("begins")).await;

    assert_eq!((count, error.expect("breaks").kind()), (1, ErrorKind::ProviderConnection));
    assert_eq!(model.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_during_a_wait_ends_the_repeats() {
    let model = Scripted::new("fake", |_| fail(ErrorKind::Timeout));
    let retry = Retry::new(Arc::clone(&model) as _, Repeat::default());
    let asked = request("m");

    let mut call = retry.complete(&asked);
    assert!((&mut call).now_or_never().is_none());
    drop(call);
    tokio::time::advance(seconds(60)).await;

    assert_eq!(model.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opens_between_two_attempts_ends_them() {
    let model = Scripted::new("fake", |_| Act::Hang);
    let settings = CircuitSettings { minimum: 2, ..CircuitSettings::default() };
    let timely =
        Timeout::new(Arc::clone(&model) as _, Deadlines { total: seconds(1), ..Deadlines::default() });
    let breaker = Breaker::new(Arc::new(timely), Availability::new(settings, TestClock::new()), "main");

    let (outcome, took) = ask(&Retry::new(Arc::new(breaker), Repeat::default())).await;

    // Two attempts of a second each, waits of two and four, and a third attempt that is refused at once.
    assert_eq!(outcome.expect_err("is refused").kind(), ErrorKind::Overloaded);
    assert_eq!((model.calls(), took), (2, seconds(8)));
}
