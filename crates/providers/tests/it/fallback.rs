//! Chains of models: who is asked, under which name, and what the guard sees.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_core::Coded as _;
use codeflow_model::{Answer, ApiClientError, Ask, ChatModel, ErrorKind, Repeat};
use codeflow_providers::{
    Availability, Breaker, CallObserver, CircuitSettings, Fallback, Hop, HopAttempt, HopGuard, MissReport,
};
use futures_util::FutureExt;
use tokio::time::Instant;

use crate::scripted::{
    Act, Beat, Scripted, TestClock, answer, drain, fail, limited, raw_request, request, seconds, streams,
};

fn hop(model: &Arc<Scripted>, name: &str) -> Hop {
    Hop { model: Arc::clone(model) as _, name: name.to_owned() }
}

fn chain(hops: Vec<Hop>) -> Fallback {
    Fallback::new(hops, Repeat::default()).expect("has models")
}

/// Writes down what it sees, lets nobody into the models it is told to, and counts the passes that are out.
#[derive(Clone, Default)]
struct Porter {
    closed: &'static [&'static str],
    seen: Arc<Mutex<Vec<String>>>,
    out: Arc<AtomicUsize>,
}

struct Pass(Arc<AtomicUsize>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Porter {
    fn note(&self, line: String) {
        self.seen.lock().expect("no test panicked here").push(line);
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no test panicked here").clone()
    }
}

#[async_trait]
impl HopGuard for Porter {
    type Pass = Pass;

    async fn enter(&self, attempt: &HopAttempt<'_>) -> Result<Pass, ApiClientError> {
        let model = attempt.ask.model();
        self.note(format!("in {}/{model} {}.{}", attempt.provider, attempt.step.hop, attempt.step.attempt));
        if self.closed.contains(&model) {
            return Err(ApiClientError::new(ErrorKind::BudgetExceeded, "too dear"));
        }
        self.out.fetch_add(1, Ordering::SeqCst);
        Ok(Pass(Arc::clone(&self.out)))
    }

    async fn leave(
        &self,
        pass: Pass,
        attempt: &HopAttempt<'_>,
        outcome: Result<Answer, ApiClientError>,
    ) -> Result<Answer, ApiClientError> {
        let code = outcome.as_ref().map_or_else(|error| error.code(), |_| "ok");
        self.note(format!("out {} {code}", attempt.ask.model()));
        drop(pass);
        outcome
    }
}

#[tokio::test(start_paused = true)]
async fn each_hop_is_asked_under_its_own_name_and_guarded() {
    let first = Scripted::new("one", |_| fail(ErrorKind::Authentication));
    let second = Scripted::new("two", |call| if call == 0 { fail(ErrorKind::Timeout) } else { answer() });
    let porter = Porter::default();
    let chain = chain(vec![hop(&first, "a"), hop(&second, "b")]).guarded(porter.clone());
    let start = Instant::now();

    let response = chain.complete(&request("route")).await.expect("is answered");

    assert_eq!((response.id.as_str(), response.model.as_str()), ("two", "b"));
    assert_eq!((first.models(), second.models()), (vec!["a".into()], vec!["b".into(), "b".into()]));
    assert_eq!(start.elapsed(), seconds(2));
    let course = [
        "in one/a 0.1",
        "out a model.authentication",
        "in two/b 1.1",
        "out b model.timeout",
        "in two/b 1.2",
        "out b ok",
    ];
    assert_eq!(porter.seen(), course);
    assert_eq!(porter.out.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_the_guard_refuses_is_not_asked() {
    let (first, second) = (Scripted::new("one", |_| answer()), Scripted::new("two", |_| answer()));
    let hops = vec![hop(&first, "a"), hop(&second, "b")];
    for (closed, calls, told) in
        [(&["a"][..], (0, 1), None), (&["a", "b"], (0, 1), Some(ErrorKind::BudgetExceeded))]
    {
        let porter = Porter { closed, ..Porter::default() };

        let outcome = chain(hops.clone()).guarded(porter.clone()).complete(&request("m")).await;

        assert_eq!((first.calls(), second.calls()), calls);
        assert_eq!(outcome.err().map(|error| error.kind()), told);
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_gives_up_takes_the_pass_along() {
    let model = Scripted::new("one", |_| Act::Hang);
    let porter = Porter::default();
    let chain = chain(vec![hop(&model, "a")]).guarded(porter.clone());
    let asked = request("m");

    let mut call = chain.complete(&asked);
    assert!((&mut call).now_or_never().is_none());
    assert_eq!((porter.out.load(Ordering::SeqCst), model.open()), (1, 1));
    drop(call);

    assert_eq!((porter.out.load(Ordering::SeqCst), model.open()), (0, 0));
    assert_eq!(porter.seen(), ["in one/a 0.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_moves_on_at_once() {
    let first = Scripted::new("one", |_| Act::Fail(seconds(0), limited(Some(seconds(1)))));
    let second = Scripted::new("two", |_| answer());
    let start = Instant::now();

    let response = chain(vec![hop(&first, "a"), hop(&second, "b")]).complete(&request("m")).await;

    assert_eq!(response.expect("is answered").id, "two");
    assert_eq!((first.calls(), start.elapsed()), (1, seconds(0)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_falls_back_before_its_first_token_and_never_after() {
    let first = Scripted::new("one", |_| fail(ErrorKind::BadResponse));
    let second = Scripted::new("two", |_| streams([Beat::Say("a"), Beat::Fail(ErrorKind::Overloaded)]));
    let third = Scripted::new("three", |_| answer());

    let chain = chain(vec![hop(&first, "a"), hop(&second, "b"), hop(&third, "c")]);
    let (count, error) = drain(chain.stream(&request("m")).await.expect("begins")).await;

    assert_eq!((count, error.expect("breaks").kind()), (1, ErrorKind::Overloaded));
    assert_eq!((first.calls(), second.calls(), third.calls()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_costs_no_time() {
    let first = Scripted::new("one", |_| fail(ErrorKind::Timeout));
    let second = Scripted::new("two", |_| answer());
    let availability = Availability::new(CircuitSettings::default(), TestClock::new());
    let breaker = Breaker::new(Arc::clone(&first) as _, availability, "main");
    let hops = vec![Hop { model: Arc::new(breaker), name: "a".to_owned() }, hop(&second, "b")];
    let chain = chain(hops);
    // The repeats of the first three calls reach the model nine times, and the tenth opens the circuit.
    for _ in 0..4 {
        chain.complete(&request("m")).await.expect("is answered");
    }
    let start = Instant::now();

    for _ in 0..100 {
        chain.complete(&request("m")).await.expect("is answered");
    }

    assert_eq!(start.elapsed(), seconds(0));
    assert_eq!((first.calls(), second.calls()), (10, 104));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_forwarded_only_to_who_takes_its_format() {
    let foreign = Scripted::new("foreign", |_| answer());
    let native = Scripted::new("native", |_| answer());
    let hops = vec![hop(&foreign, "a"), hop(&native, "b")];

    assert!(chain(hops.clone()).forward(&raw_request("m")).await.is_ok());
    assert_eq!((foreign.calls(), native.models()), (0, vec!["b".to_owned()]));
    let error = chain(hops[..1].to_vec()).forward(&raw_request("m")).await.err().expect("nobody takes it");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_for_the_whole_chain() {
    let models = ["one", "two"].map(|name| {
        Scripted::new(name, |_| Act::Fail(seconds(4), crate::scripted::error(ErrorKind::Overloaded)))
    });
    let chain = chain(vec![hop(&models[0], "a"), hop(&models[1], "b")]).within(seconds(11));
    let start = Instant::now();

    let asked = request("m");
    let error = chain.call(Ask::Stream(&asked)).await.err().expect("is late");

    // Four seconds, a wait of two, four more; there is no time for a wait of four, and the second model is cut short.
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Timeout, seconds(11)));
    assert_eq!((models[0].calls(), models[1].calls(), models[1].open()), (2, 1, 0));
}

#[test]
fn a_chain_of_nothing_is_refused() {
    assert!(Fallback::new(Vec::new(), Repeat::NEVER).is_err());
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl CallObserver for Counter {
    fn missed(&self, miss: &MissReport<'_>) {
        assert_eq!((miss.provider, miss.model, miss.step.hop), ("one", "a", 0));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_attempts_are_told_with_the_hop_they_were_at() {
    let (first, second) =
        (Scripted::new("one", |_| fail(ErrorKind::Timeout)), Scripted::new("two", |_| answer()));
    let counter = Arc::new(Counter::default());

    let chain = chain(vec![hop(&first, "a"), hop(&second, "b")]).observed(Arc::clone(&counter) as _);
    chain.complete(&request("m")).await.expect("is answered");

    assert_eq!(counter.0.load(Ordering::SeqCst), 3);
}
