//! A provider that fails is left alone, and gets its traffic back little by little; one that asks for a pause gets it.

use std::time::{Duration, Instant};

use codeflow_testkit::providers::{Format, Misbehaviour, ProviderServer, Refusal, Reply, Wait};

use crate::served::{Served, provider};
use crate::wire::{Ask, Sdk};

/// How long any of this may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// No repeats, so that a call is a call; a short memory and short pauses.
const QUICK: &str = "[retry]\nattempts = 1\nfirst = \"1ms\"\ncap = \"1ms\"\n\
    [breaker]\nwindow = \"2s\"\nmin_calls = 10\nerror_rate = 0.5\ncool_down = \"800ms\"\n\
    [routes.both]\nmodels = [\"first/m\", \"second/m\"]\n";

const CIRCUIT: &str = "codeflow_model_circuit_state{provider=\"first\",model=\"m\"}";

struct Pair {
    served: Served,
    first: ProviderServer,
    second: ProviderServer,
}

impl Pair {
    async fn new() -> Self {
        let first = ProviderServer::start().await.expect("a port is free");
        let second = ProviderServer::start().await.expect("a port is free");
        let providers =
            [provider("first", Format::OpenAi, &first), provider("second", Format::OpenAi, &second)];
        Self { served: Served::start(&[QUICK, &providers.concat()].concat()).await, first, second }
    }

    /// Makes a call, which has to be answered, and tells whether the first provider did so.
    async fn call(&self) -> bool {
        let told = Ask::new(Sdk::OpenAi, "both").to(self.served.address).await;
        assert_eq!(told.status, 200, "{}", told.text());
        told.header("x-codeflow-provider") == "first"
    }

    fn counts(&self) -> [u64; 2] {
        [self.first.counters().requests, self.second.counters().requests]
    }
}

#[tokio::test]
async fn a_provider_that_always_fails_is_left_alone_until_it_recovers() {
    let pair = Pair::new().await;
    pair.first.always(Misbehaviour::Refuses(Refusal::Internal));

    // It fails as often as it takes to be sure, and is then not asked any more.
    let began = Instant::now();
    while pair.served.metric(CIRCUIT).await < 3.0 {
        assert!(began.elapsed() < PATIENCE, "the circuit never opens: {:?}", pair.counts());
        assert!(!pair.call().await);
    }
    assert_eq!(pair.counts()[0], 10, "it opens with the tenth failure");
    let told = Ask::new(Sdk::OpenAi, "both").to(pair.served.address).await;
    assert_eq!(told.header("x-codeflow-provider"), "second");

    // It is well again. The first calls are probes, and the way back is a ramp: some calls still go elsewhere.
    pair.first.always(Reply::default());
    let [tried, _] = pair.counts();
    let began = Instant::now();
    let mut answers = Vec::new();
    while pair.served.metric(CIRCUIT).await > 0.0 {
        assert!(began.elapsed() < PATIENCE, "the circuit never closes: {answers:?}");
        answers.push(pair.call().await);
    }
    let back = answers.iter().position(|first| *first).expect("a probe was answered");
    let probes = answers[back..].iter().position(|first| !first);
    let ramp = &answers[back + probes.expect("not all traffic is back at once")..];
    let half = ramp.len() / 2;
    let share = |calls: &[bool]| calls.iter().filter(|first| **first).count();
    assert!(share(&ramp[half..]) > share(&ramp[..half]), "traffic does not grow: {answers:?}");
    assert_eq!(pair.counts()[0] - tried, share(&answers) as u64, "whoever was asked has answered");

    // All of it is back.
    for _ in 0..20 {
        assert!(pair.call().await);
    }
}

#[tokio::test]
async fn a_provider_that_fails_half_of_the_time_is_left_alone_too() {
    let pair = Pair::new().await;
    for _ in 0..100 {
        pair.first.next(Misbehaviour::Refuses(Refusal::Unavailable));
        pair.first.next(Reply::default());
    }

    let began = Instant::now();
    while pair.served.metric(CIRCUIT).await < 3.0 {
        assert!(began.elapsed() < PATIENCE, "the circuit never opens: {:?}", pair.counts());
        pair.call().await;
    }

    let [first, second] = pair.counts();
    assert!((10..=12).contains(&first), "{first} calls were made until it opened");
    assert_eq!(second, first.div_ceil(2), "every failure fell back");
}

#[tokio::test]
async fn a_provider_that_fails_now_and_then_keeps_its_traffic() {
    let pair = Pair::new().await;
    for _ in 0..20 {
        pair.first.next(Misbehaviour::Refuses(Refusal::Unavailable));
        for _ in 0..3 {
            pair.first.next(Reply::default());
        }
    }

    for _ in 0..80 {
        pair.call().await;
    }

    assert_eq!(pair.counts(), [80, 20]);
    assert_eq!(pair.served.metric(CIRCUIT).await, 0.0);
}

#[tokio::test]
async fn a_provider_that_asks_for_a_pause_gets_it() {
    let pair = Pair::new().await;
    pair.first.next(Misbehaviour::Refuses(Refusal::RateLimited(Wait::Seconds(1))));

    let began = Instant::now();
    assert!(!pair.call().await);
    let asked = Instant::now();
    let mut elsewhere = 1;
    while !pair.call().await {
        elsewhere += 1;
        assert!(began.elapsed() < PATIENCE, "it is never asked again");
    }

    assert!(began.elapsed() >= Duration::from_secs(1), "it was asked again after {:?}", asked.elapsed());
    assert_eq!(pair.counts(), [2, elsewhere]);
    assert_eq!(pair.served.metric(CIRCUIT).await, 0.0, "a pause is no failure");
}

#[tokio::test]
async fn a_model_that_is_left_alone_and_has_no_stand_in_is_refused_without_a_call() {
    let pair = Pair::new().await;
    pair.first.always(Misbehaviour::Refuses(Refusal::Internal));
    for _ in 0..10 {
        assert_eq!(Ask::new(Sdk::OpenAi, "first/m").to(pair.served.address).await.status, 503);
    }

    let told = Ask::new(Sdk::Anthropic, "first/m").to(pair.served.address).await;

    assert_eq!(told.status, 529);
    assert_eq!(told.json()["error"]["type"], "overloaded_error");
    assert_eq!(pair.counts(), [10, 0]);
    let providers = pair.served.get("/api/v1/providers").await.json();
    let models = providers["models"].as_array().cloned().unwrap_or_default();
    let model = models.iter().find(|it| it["provider"] == "first" && it["model"] == "m").cloned();
    assert_eq!(model.unwrap_or_default()["circuit"], "open");
}
