//! Circuits around scripted models: how many calls reach them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codeflow_model::{ApiClientError, ChatModel, ErrorKind, RawReply, Reach};
use codeflow_providers::{Availability, Breaker, CircuitSettings, CircuitState, ModelAvailability, Setup};
use futures_util::{FutureExt, StreamExt};
use tokio::time::advance;

use crate::scripted::{
    Act, Beat, Scripted, TestClock, answer, drain, error, fail, limited, raw_request, request, seconds,
    streams,
};

struct World {
    model: Arc<Scripted>,
    availability: Arc<Availability>,
    breaker: Breaker,
}

fn world(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> World {
    let model = Scripted::new("fake", script);
    let availability = Availability::new(CircuitSettings::default(), TestClock::new());
    availability.declare("fake", Setup::Configured, ["m"]);
    let breaker = Breaker::new(Arc::clone(&model) as _, Arc::clone(&availability), "main");
    World { model, availability, breaker }
}

impl World {
    async fn ask(&self) -> Result<(), ApiClientError> {
        self.breaker.complete(&request("m")).await.map(|_| ())
    }

    /// Asks a number of times, and says how many calls reached the model.
    async fn reaching(&self, times: usize) -> usize {
        let before = self.model.calls();
        for _ in 0..times {
            let _ = self.ask().await;
        }
        self.model.calls() - before
    }

    fn row(&self) -> ModelAvailability {
        self.availability.snapshot().remove(0)
    }

    fn state(&self) -> CircuitState {
        self.row().state
    }
}

/// A provider that fails until it is told to be well.
fn curable() -> (Arc<AtomicBool>, World) {
    let is_well = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_well);
    let script = move |_| if seen.load(Ordering::SeqCst) { answer() } else { fail(ErrorKind::Overloaded) };
    (is_well, world(script))
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_always_fails_is_asked_ten_times_and_then_once_for_each_opening() {
    let (_, world) = curable();

    assert_eq!(world.reaching(100).await, 10);
    for wait in [5, 10, 20, 40, 60, 60] {
        advance(seconds(wait) - std::time::Duration::from_millis(1)).await;
        assert_eq!(world.reaching(100).await, 0, "{wait} s");
        advance(std::time::Duration::from_millis(1)).await;
        assert_eq!(world.reaching(100).await, 1, "{wait} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_says_when_to_come_back_and_that_nothing_was_sent() {
    let (_, world) = curable();
    world.reaching(10).await;
    advance(seconds(2)).await;

    let error = world.ask().await.expect_err("is open");

    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.details().retry_after, Some(seconds(3)));
    assert_eq!(error.details().reach, Reach::NotSent);
    assert!(error.may_fall_back());
    assert_eq!((&*error.details().provider, &*error.details().model), ("fake", "m"));
    assert_eq!(error.to_string(), "`m` of `fake` failed too often: circuit open");
    let row = world.row();
    assert_eq!(row.next_probe.expect("is open").micros(), 5_000_000);
    let last = row.last_error.expect("has failed");
    assert_eq!((last.kind, last.at.micros()), (ErrorKind::Overloaded, 0));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_every_other_call_is_left_alone_and_one_that_fails_two_in_five_is_not() {
    let half = world(|call| if call % 2 == 0 { fail(ErrorKind::Timeout) } else { answer() });
    assert_eq!(half.reaching(100).await, 11);
    for wait in [5, 10, 20] {
        // Which of the probes meets the failure depends on the call before it: one fails within two.
        advance(seconds(wait)).await;
        assert!((1..=2).contains(&half.reaching(100).await));
        assert_eq!(half.state(), CircuitState::Open);
    }

    let less = world(|call| if call % 5 > 2 { fail(ErrorKind::Timeout) } else { answer() });
    assert_eq!(less.reaching(1_000).await, 1_000);
    assert_eq!(less.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn traffic_ramps_back_when_the_provider_recovers() {
    let (is_well, world) = curable();
    world.reaching(10).await;
    is_well.store(true, Ordering::SeqCst);
    advance(seconds(5)).await;

    // A hundred calls each second. The first three are the probes.
    let mut admitted = Vec::new();
    for _ in 0..12 {
        admitted.push(world.reaching(100).await);
        advance(seconds(1)).await;
    }

    assert_eq!(admitted, [13, 19, 28, 37, 46, 55, 64, 73, 82, 91, 100, 100]);
    assert_eq!(world.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_again_while_traffic_comes_back_is_left_alone_for_longer() {
    let (is_well, world) = curable();
    world.reaching(10).await;
    is_well.store(true, Ordering::SeqCst);
    advance(seconds(5)).await;
    world.reaching(4).await;
    assert_eq!(world.state(), CircuitState::Closing);
    is_well.store(false, Ordering::SeqCst);
    advance(seconds(8)).await;

    // Of four calls, one succeeded: three failures are three in four.
    assert_eq!(world.reaching(100).await, 2);
    assert_eq!(world.state(), CircuitState::Open);
    advance(seconds(9)).await;
    assert_eq!(world.reaching(100).await, 0);
    advance(seconds(1)).await;
    assert_eq!(world.reaching(100).await, 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_seldom_is_never_refused_while_traffic_comes_back() {
    let (is_well, world) = curable();
    world.reaching(10).await;
    is_well.store(true, Ordering::SeqCst);
    advance(seconds(5)).await;
    assert_eq!(world.reaching(3).await, 3);

    for _ in 0..9 {
        advance(seconds(1)).await;
        assert_eq!(world.reaching(1).await, 1);
    }
    assert_eq!(world.state(), CircuitState::Closing);
}

#[tokio::test(start_paused = true)]
async fn after_a_full_recovery_the_first_opening_is_short_again() {
    let (is_well, world) = curable();
    world.reaching(10).await;
    advance(seconds(5)).await;
    world.reaching(1).await;
    is_well.store(true, Ordering::SeqCst);
    advance(seconds(10)).await;
    world.reaching(3).await;
    advance(seconds(10)).await;
    assert_eq!(world.reaching(20).await, 20);
    is_well.store(false, Ordering::SeqCst);
    advance(seconds(30)).await;
    world.reaching(10).await;

    assert_eq!(world.ask().await.expect_err("is open").details().retry_after, Some(seconds(5)));
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_long_past_do_not_count() {
    let (_, world) = curable();
    for _ in 0..20 {
        assert_eq!(world.reaching(4).await, 4);
        advance(seconds(15)).await;
    }
    assert_eq!(world.state(), CircuitState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_time_makes_failures_forgotten() {
    let (_, world) = curable();
    assert_eq!(world.reaching(5).await, 5);
    advance(seconds(3)).await;
    assert_eq!(world.reaching(4).await, 4);
    advance(seconds(37)).await;

    assert_eq!(world.reaching(9).await, 9);
    assert_eq!(world.state(), CircuitState::Closed);
    assert_eq!(world.reaching(9).await, 1);
}

#[tokio::test(start_paused = true)]
async fn only_what_the_provider_does_wrong_counts() {
    for kind in ErrorKind::ALL {
        let counts = matches!(
            kind,
            ErrorKind::ProviderConnection
                | ErrorKind::Timeout
                | ErrorKind::Overloaded
                | ErrorKind::BadResponse
        );
        let world = world(move |_| fail(kind));
        for _ in 0..20 {
            let _ = world.ask().await;
            advance(std::time::Duration::from_millis(1_001)).await;
        }
        let expected = if counts { CircuitState::Open } else { CircuitState::Closed };
        assert_eq!(world.state(), expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_another_circuit_does_not_count() {
    let refused = || ApiClientError::new(ErrorKind::Overloaded, "circuit open");
    let world = world(move |_| Act::Fail(seconds(0), refused()));

    assert_eq!(world.reaching(100).await, 100);
    assert_eq!(world.row().last_error, None);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_cools_down_until_the_later_of_two_deadlines() {
    let script = |call| match call {
        0 => Act::Fail(seconds(1), limited(Some(seconds(20)))),
        1 => Act::Fail(seconds(2), limited(Some(seconds(3)))),
        _ => answer(),
    };
    let world = world(script);
    let asked = request("m");
    let mut early = Box::pin(world.breaker.complete(&asked));
    let mut late = Box::pin(world.breaker.complete(&asked));

    // Both are under way before the first is limited.
    let (first, second) = tokio::join!(&mut early, &mut late);

    assert!(first.is_err() && second.is_err());
    let error = world.ask().await.expect_err("cools down");
    assert_eq!((error.kind(), error.details().reach), (ErrorKind::RateLimited, Reach::NotSent));
    assert_eq!(error.details().retry_after, Some(seconds(19)));
    assert_eq!(world.row().cooling_until.expect("cools down").micros(), 21_000_000);
    assert_eq!(world.state(), CircuitState::Closed);
    advance(seconds(19)).await;
    assert_eq!(world.reaching(10).await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_say_for_how_long_is_left_alone_for_a_second_and_never_for_days() {
    for (asked, wait) in [(None, 1), (Some(0), 0), (Some(7), 7), (Some(86_400), 300)] {
        let world = world(move |call| match call {
            0 => Act::Fail(seconds(0), limited(asked.map(seconds))),
            _ => answer(),
        });

        world.reaching(1).await;

        let cooling = world.row().cooling_until.map_or(0, |until| until.micros() / 1_000_000);
        assert_eq!(cooling, wait, "{asked:?}");
    }
}

/// A world whose circuit has opened, and may be probed.
async fn half_open(after: impl Fn(usize) -> Act + Send + Sync + 'static) -> World {
    let world = world(move |call| if call < 10 { fail(ErrorKind::Overloaded) } else { after(call - 10) });
    world.reaching(10).await;
    advance(seconds(5)).await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_limited_is_released_and_the_next_waits_for_the_cool_down() {
    let world = half_open(|probe| match probe {
        0 => Act::Fail(seconds(0), limited(Some(seconds(7)))),
        _ => answer(),
    })
    .await;

    assert_eq!(world.reaching(100).await, 1);
    assert_eq!(world.state(), CircuitState::HalfOpen);
    let error = world.ask().await.expect_err("cools down");
    assert_eq!(error.details().retry_after, Some(seconds(7)));
    assert_eq!(world.row().next_probe.expect("waits").micros(), 12_000_000);
    advance(seconds(7)).await;
    assert_eq!(world.reaching(3).await, 3);
    assert_eq!(world.state(), CircuitState::Closing);
}

#[tokio::test(start_paused = true)]
async fn three_probes_are_admitted_and_a_dropped_one_gives_its_place_back() {
    let world = half_open(|_| Act::Hang).await;
    let asked = request("m");
    let mut probes: Vec<_> = (0..3).map(|_| Box::pin(world.breaker.complete(&asked))).collect();
    for probe in &mut probes {
        assert!(probe.now_or_never().is_none());
    }

    let error = world.ask().await.expect_err("is full");
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(error.to_string(), "`m` of `fake` is coming back: circuit half open");
    assert_eq!(world.model.calls(), 13);
    probes.pop();
    let mut fourth = Box::pin(world.breaker.complete(&asked));
    assert!((&mut fourth).now_or_never().is_none());
    assert_eq!(world.model.calls(), 14);
    assert!(world.ask().await.is_err());
    assert_eq!(world.model.calls(), 14);
    assert_eq!(world.state(), CircuitState::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_says_nothing_about_the_provider_neither_opens_nor_closes() {
    for kind in [ErrorKind::InvalidRequest, ErrorKind::Authentication, ErrorKind::ContextTooLong] {
        let world = half_open(move |_| fail(kind)).await;

        assert_eq!(world.reaching(50).await, 50, "{kind:?}");
        assert_eq!(world.state(), CircuitState::HalfOpen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_proof_at_its_first_token_and_still_counts_when_it_breaks() {
    let world =
        half_open(|_| streams([Beat::Say("a"), Beat::Wait(seconds(1)), Beat::Fail(ErrorKind::BadResponse)]))
            .await;
    let asked = request("m");
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(world.breaker.stream(&asked).await.expect("begins"));
    }

    assert_eq!(world.state(), CircuitState::Closing);
    for stream in open {
        assert!(drain(stream).await.1.is_some());
    }
    assert_eq!(world.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_first_token_counts_in_either_form_and_a_dropped_stream_does_not() {
    let broken = || streams([Beat::Say("a"), Beat::Fail(ErrorKind::ProviderConnection)]);
    let (decoded, handed_on, dropped) =
        (world(move |_| broken()), world(move |_| broken()), world(move |_| broken()));
    for _ in 0..10 {
        drain(decoded.breaker.stream(&request("m")).await.expect("begins")).await;
        let RawReply::Stream(pieces) = handed_on.breaker.forward(&raw_request("m")).await.expect("begins")
        else {
            unreachable!("a stream was asked for")
        };
        drain(pieces).await;
        let mut stream = dropped.breaker.stream(&request("m")).await.expect("begins");
        assert!(stream.next().await.expect("an event").is_ok());
    }

    assert_eq!(decoded.state(), CircuitState::Open);
    assert_eq!(handed_on.state(), CircuitState::Open);
    assert_eq!(dropped.state(), CircuitState::Closed);
    assert_eq!(dropped.model.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_without_an_end_is_a_failure() {
    let world = world(|_| streams([Beat::Say("a")]));
    for _ in 0..10 {
        drain(world.breaker.stream(&request("m")).await.expect("begins")).await;
    }
    assert_eq!(world.state(), CircuitState::Open);
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_call_from_before_the_opening_changes_nothing() {
    let world = world(|call| match call {
        0 => Act::Fail(seconds(8), error(ErrorKind::Timeout)),
        1..11 => fail(ErrorKind::Overloaded),
        _ => answer(),
    });
    let asked = request("m");
    let mut old = Box::pin(world.breaker.complete(&asked));
    assert!((&mut old).now_or_never().is_none());
    world.reaching(10).await;
    assert_eq!(world.state(), CircuitState::Open);
    advance(seconds(6)).await;
    assert_eq!(world.reaching(1).await, 1);

    assert!(old.await.is_err());

    assert_eq!(world.state(), CircuitState::HalfOpen);
    assert_eq!(world.reaching(2).await, 2);
    assert_eq!(world.state(), CircuitState::Closing);
}

#[tokio::test(start_paused = true)]
async fn models_and_keys_fail_for_themselves() {
    let (_, world) = curable();
    world.reaching(10).await;

    let other_key = Breaker::new(Arc::clone(&world.model) as _, Arc::clone(&world.availability), "spare");
    let _ = other_key.complete(&request("m")).await;
    let _ = world.breaker.complete(&request("n")).await;

    assert_eq!(world.model.calls(), 12);
    assert!(world.ask().await.expect_err("is open").details().retry_after.is_some());
    assert_eq!(world.model.calls(), 12);
}
