//! The one value that knows which models can be asked, under many threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use codeflow_model::{ChatModel, ErrorKind};
use codeflow_providers::{
    Availability, Breaker, Circuit, CircuitSettings, CircuitState, Outlook, RefusalReason, Setup,
};
use tokio::time::{Instant, advance};

use crate::scripted::{Act, Beat, Scripted, TestClock, error, limited, request, seconds};

const THREADS: usize = 64;

fn availability() -> Arc<Availability> {
    Availability::new(CircuitSettings::default(), TestClock::new())
}

/// Runs `work` on many threads that begin together.
fn together<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        let (start, work) = (&start, &work);
        let spawn = |number| {
            scope.spawn(move || {
                start.wait();
                work(number)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
    })
}

/// A circuit that failed, at a moment when it may be probed.
fn probed(settings: CircuitSettings) -> (Arc<Circuit>, Instant) {
    let circuit = Circuit::new(settings, TestClock::new());
    let start = Instant::now();
    for _ in 0..settings.minimum {
        circuit.admit(start).expect("is closed").failed(&error(ErrorKind::Timeout), start);
    }
    assert_eq!(circuit.view(start).state, CircuitState::Open);
    (circuit, start + settings.open)
}

#[test]
fn everybody_is_given_the_same_circuit() {
    for _ in 0..20 {
        let availability = availability();

        let circuits = together(|_| availability.circuit("fake", "m", "main"));

        assert!(circuits.iter().all(|circuit| Arc::ptr_eq(circuit, &circuits[0])));
        assert_eq!(availability.snapshot().len(), 1);
    }
}

#[test]
fn exactly_as_many_probes_are_admitted_as_there_are_places() {
    for probes in [1, 3, 10] {
        let settings = CircuitSettings { probes, ..CircuitSettings::default() };
        let (circuit, now) = probed(settings);

        let admitted = together(|_| (0..100).filter_map(|_| circuit.admit(now).ok()).collect::<Vec<_>>());

        let held: usize = admitted.iter().map(Vec::len).sum();
        assert_eq!(held, probes as usize);
        assert_eq!(circuit.view(now).probes, probes);
        let refusal = circuit.admit(now).err().expect("is full");
        assert_eq!(refusal.reason, RefusalReason::Recovering);
        drop(admitted);
        assert_eq!(circuit.view(now).probes, 0);
    }
}

#[test]
fn places_are_neither_lost_nor_doubled_while_probes_come_and_go() {
    let settings = CircuitSettings::default();
    let (circuit, now) = probed(settings);
    let availability = availability();
    let held = AtomicUsize::new(0);

    let admitted: usize = together(|number| {
        let mut admitted = 0;
        for turn in 0..200 {
            availability.circuit("fake", &format!("m{number}"), "main");
            assert!(availability.snapshot().len() <= THREADS);
            let Ok(mut permit) = circuit.admit(now) else {
                assert!(circuit.view(now).probes <= settings.probes);
                continue;
            };
            assert!(held.fetch_add(1, Ordering::SeqCst) < settings.probes as usize);
            admitted += 1;
            thread::yield_now();
            held.fetch_sub(1, Ordering::SeqCst);
            // Three ways to show nothing.
            match (number + turn) % 3 {
                0 => permit.failed(&error(ErrorKind::InvalidRequest), now),
                1 => permit.failed(&limited(Some(Duration::ZERO)), now),
                _ => drop(permit),
            }
        }
        admitted
    })
    .into_iter()
    .sum();

    assert!(admitted >= settings.probes as usize);
    let view = circuit.view(now);
    assert_eq!((view.state, view.probes), (CircuitState::HalfOpen, 0));
    let last: Vec<_> = (0..10).filter_map(|_| circuit.admit(now).ok()).collect();
    assert_eq!(last.len(), settings.probes as usize);
    assert_eq!(availability.snapshot().len(), THREADS);
}

#[test]
fn no_call_is_lost_from_the_count() {
    const EACH: u32 = 100;
    let calls = EACH * THREADS as u32;
    for (minimum, expected) in [(calls, CircuitState::Open), (calls + 1, CircuitState::Closed)] {
        let settings = CircuitSettings { minimum, ..CircuitSettings::default() };
        let circuit = Circuit::new(settings, TestClock::new());
        let now = Instant::now();

        together(|_| {
            for _ in 0..EACH {
                circuit.admit(now).expect("is closed").failed(&error(ErrorKind::Timeout), now);
            }
        });

        assert_eq!(circuit.view(now).state, expected);
    }
}

#[test]
fn a_circuit_opens_once_however_many_find_the_last_straw() {
    let settings = CircuitSettings::default();
    let circuit = Circuit::new(settings, TestClock::new());
    let now = Instant::now();
    let permits: Vec<_> = (0..THREADS).map(|_| circuit.admit(now).expect("is closed")).collect();
    let permits = std::sync::Mutex::new(permits);

    together(|_| {
        let permit = permits.lock().expect("no thread panics").pop();
        permit.expect("one for each").failed(&error(ErrorKind::Timeout), now);
    });

    // Had it opened twice, it would stay open for twice as long.
    assert_eq!(circuit.admit(now).err().expect("is open").wait, settings.open);
}

#[test]
fn a_probe_that_succeeds_after_its_time_closes_nothing() {
    let settings = CircuitSettings::default();
    let (circuit, first) = probed(settings);
    let mut old: Vec<_> = (0..3).map(|_| circuit.admit(first).expect("has a place")).collect();
    old.remove(0).failed(&error(ErrorKind::Timeout), first);
    let second = first + settings.open * 2;
    let mut fresh: Vec<_> = (0..3).map(|_| circuit.admit(second).expect("has a place")).collect();

    for permit in old.iter_mut().chain(&mut fresh[..2]) {
        permit.succeeded(second);
    }

    assert_eq!(circuit.view(second).state, CircuitState::HalfOpen);
    assert!(circuit.admit(second).is_err());
    fresh[2].succeeded(second);
    assert_eq!(circuit.view(second).state, CircuitState::Closing);
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_a_state_with_a_message() {
    let availability = availability();
    let missing = || Setup::Missing("`OPENAI_API_KEY` is not set".to_owned());
    availability.declare("openai", missing(), ["gpt-4o", "gpt-4o-mini"]);
    availability.declare("anthropic", Setup::Configured, []);

    let rows = availability.snapshot();

    let names: Vec<_> = rows.iter().map(|row| (&*row.provider, row.model.as_deref())).collect();
    assert_eq!(names, [("anthropic", None), ("openai", Some("gpt-4o")), ("openai", Some("gpt-4o-mini"))]);
    assert_eq!((&rows[0].setup, &rows[1].setup), (&Setup::Configured, &missing()));
    assert!(!availability.outlook("openai", "gpt-4o").is_up);
    assert!(availability.outlook("anthropic", "any").is_up);
    assert!(!availability.outlook("nobody", "any").is_up);

    availability.declare("openai", Setup::Configured, []);
    assert!(availability.outlook("openai", "gpt-4o").is_up);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_up_while_one_of_its_keys_is() {
    let availability = availability();
    let (main, spare) =
        (availability.circuit("fake", "m", "main"), availability.circuit("fake", "m", "spare"));
    let now = Instant::now();

    main.admit(now).expect("is closed").failed(&limited(Some(seconds(9))), now);
    assert!(availability.outlook("fake", "m").is_up);
    spare.admit(now).expect("is closed").failed(&limited(Some(seconds(5))), now);
    assert!(!availability.outlook("fake", "m").is_up);
    advance(seconds(5)).await;
    assert!(availability.outlook("fake", "m").is_up);
}

#[tokio::test(start_paused = true)]
async fn the_latency_seen_follows_the_last_calls_and_grows_old() {
    let model = Scripted::new("fake", |call| {
        let wait = if call == 0 { 800 } else { 1_600 };
        Act::Answer(Duration::from_millis(wait), vec![Beat::Say("a"), Beat::Wait(seconds(60)), Beat::Finish])
    });
    let availability = availability();
    let breaker = Breaker::new(model, Arc::clone(&availability), "main");
    let seen = || availability.outlook("fake", "m").first_token;

    drop(breaker.complete(&request("m")).await);
    assert_eq!(seen(), None, "a whole answer has no first token");
    for expected in [1_600, 1_600] {
        drop(breaker.stream(&request("m")).await);
        assert_eq!(seen().expect("was seen").average, Duration::from_millis(expected));
    }
    let slow = availability.circuit("fake", "m", "main");
    let began = Instant::now();
    let mut permit = slow.admit(began).expect("is closed");
    permit.began(began + Duration::from_millis(800));
    assert_eq!(seen().expect("was seen").average, Duration::from_millis(1_500));
    advance(seconds(10)).await;
    assert_eq!(seen().expect("was seen").age, Duration::from_millis(9_200));
}

#[tokio::test(start_paused = true)]
async fn names_that_nobody_has_heard_of_cannot_fill_the_memory() {
    let availability = availability();
    for number in 0..5_000 {
        availability.circuit("fake", &format!("m{number}"), "main");
    }

    assert_eq!(availability.snapshot().len(), 1_025);
    let (one, other) = ("x", "y");
    let circuit = |model| availability.circuit("fake", model, "main");
    assert!(Arc::ptr_eq(&circuit(one), &circuit(other)));
    assert_eq!(availability.outlook("fake", one), Outlook { is_up: true, first_token: None });
}
