//! As long as somebody keeps the count.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use codeflow_ratelimit::{
    Ask, ClassRates, EndpointClass, Gate, Limit, Limiter, Rate, RuleBook, Rules, SharedGate, Verdict, Visitor,
};

use super::world::{Dice, World, ms, sleep};
use crate::given::{number, per_minute};

#[tokio::test(start_paused = true)]
async fn two_processes_admit_together_what_one_would() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let limit = per_minute(60);

    assert_eq!(here.admitted(&limit).await, 60);
    assert_eq!(there.admitted(&limit).await, 0, "the other one has used it all");
    sleep(10_000).await;
    let together = there.admitted(&limit).await + here.admitted(&limit).await;

    assert_eq!(together, 10);
}

#[tokio::test(start_paused = true)]
async fn random_arrivals_at_two_processes_are_admitted_like_at_one_within_the_bound() {
    for seed in 0..20 {
        let world = World::new();
        let processes = [world.process().await, world.process().await];
        let one = Limiter::new(world.clock.clone());
        let limit = Limit { burst: number(200), ..per_minute(1200) };
        let (mut dice, mut admitted, mut expected) = (Dice(seed), Vec::new(), 0);

        // Up to twice as many as the limit allows, in waves.
        for wave in 0..40u64 {
            for _ in 0..dice.roll(40) {
                sleep(dice.roll(50)).await;
                if processes[dice.roll(2) as usize].admits(&limit).await {
                    admitted.push(world.clock.now());
                }
                expected +=
                    i64::from(one.check(&Ask { subject: "ada", limit: &limit, cost: 1 }).is_allowed());
            }
            sleep(dice.roll(100) * (wave % 3)).await;
        }

        // Not one too many in any stretch of time; and too few only for what lies in leases: for each process a sixteenth
        // of the burst, and what comes back in half a second.
        for (index, start) in admitted.iter().enumerate() {
            for (further, end) in admitted[index..].iter().enumerate() {
                let micros = end.since(*start).as_micros() as u64;
                assert!(further as u64 * 60_000_000 <= 199 * 60_000_000 + micros * 1200, "seed {seed}");
            }
        }
        let missing = expected - admitted.len() as i64;
        assert!(missing <= 2 * (12 + 10), "seed {seed}: {missing} of {expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hot_key_asks_less_than_once_for_ten_requests() {
    for (quota, pause) in [(60_000, 2), (6000, 2), (600, 2), (60, 2), (60_000, 20), (6000, 20)] {
        let world = World::new();
        let (here, there) = (world.process().await, world.process().await);
        let limit = per_minute(quota);

        for _ in 0..2500 {
            here.admits(&limit).await;
            there.admits(&limit).await;
            sleep(pause).await;
        }

        assert!(world.count.calls() < 500, "{quota}: {}", world.count.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn many_requests_at_once_share_one_question() {
    let world = World::new();
    let (process, limit) = (world.process().await, per_minute(10_000));
    let asking = (0..1000).map(|_| {
        let process = process.clone();
        world.tasks.spawn("ask", async move { process.admits(&limit).await })
    });

    for admitted in asking.collect::<Vec<_>>() {
        assert_eq!(admitted.await.ok().flatten(), Some(true));
    }

    assert!(world.count.calls() < 100, "{}", world.count.calls());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_used_comes_back() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let limit = Limit { window: Duration::from_secs(86_400), ..per_minute(160) };
    for _ in 0..20 {
        assert!(here.admits(&limit).await);
    }

    let early = there.admitted(&limit).await;
    sleep(1000).await;
    let late = there.admitted(&limit).await;

    assert!(early < 140, "some of it is leased");
    assert!(early >= 130, "a sixteenth at most");
    assert_eq!(20 + early + late, 160);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_a_process_that_is_gone_counts_as_used() {
    let world = World::new();
    let there = world.process().await;
    let limit = Limit { window: Duration::from_secs(86_400), ..per_minute(160) };
    {
        let gone = World { count: world.count.clone(), ..World::new() };
        let gone_process = gone.process().await;
        gone.tasks.stop();
        sleep(1000).await;
        for _ in 0..20 {
            assert!(gone_process.admits(&limit).await);
        }
    }

    sleep(5000).await;
    let admitted = there.admitted(&limit).await;

    assert!((130..=140).contains(&admitted), "{admitted}");
}

#[tokio::test(start_paused = true)]
async fn who_waits_as_long_as_told_comes_in_and_who_comes_a_second_early_does_not() {
    let world = World::new();
    let process = world.process().await;
    let mut dice = Dice(7);
    for round in 0..200u64 {
        let limit = Limit { burst: number(1 + dice.roll(5) as u32), ..per_minute(1 + dice.roll(90) as u32) };
        let subject = format!("round-{round}");
        let ask = [Ask { subject: &subject, limit: &limit, cost: 1 }];
        let refused = loop {
            let decision = process.0.check_all(&ask).await.expect("something was asked for");
            if !decision.is_allowed() {
                break decision;
            }
            sleep(dice.roll(100)).await;
        };

        let headers = refused.headers();
        let told: u64 = headers.last().expect("there are some").1.parse().expect("it is a number");
        assert_eq!(headers.last().expect("there are some").0, "retry-after");
        assert_eq!(headers[3], ("x-ratelimit-remaining", "0".to_owned()));
        sleep((told - 1) * 1000).await;
        let early = process.0.check_all(&ask).await.expect("something was asked for");
        assert!(!early.is_allowed(), "{limit:?} {refused:?} {early:?}");
        sleep(1000).await;
        let late = process.0.check_all(&ask).await.expect("something was asked for");
        assert!(late.is_allowed(), "{limit:?} {refused:?} {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_limit_took_is_given_back_when_another_refuses() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let (wide, narrow) = (per_minute(1000), Limit { name: "tokens", ..per_minute(10) });
    let both =
        [Ask { subject: "ada", limit: &wide, cost: 1 }, Ask { subject: "ada", limit: &narrow, cost: 1 }];
    let mut decisions = Vec::new();
    for _ in 0..50 {
        decisions.push(here.0.check_all(&both).await.expect("something was asked for"));
    }

    assert_eq!(decisions.iter().filter(|decision| decision.is_allowed()).count(), 10);
    assert!(decisions[10..].iter().all(|decision| decision.limit.name == "tokens"));
    sleep(2000).await;
    let seen = there.check(&wide, 0).await.remaining;
    assert_eq!(seen, 1000, "ten were used, and came back meanwhile");
    assert_eq!(there.check(&Limit { name: "unused", ..wide }, 0).await.remaining, 1000);
}

#[tokio::test(start_paused = true)]
async fn what_was_reserved_is_settled_for_all() {
    let world = World::new();
    let (here, there) = (world.process().await, world.process().await);
    let limit = Limit { name: "tokens", window: Duration::from_secs(86_400), ..per_minute(100_000) };
    let ask = Ask { subject: "ada", limit: &limit, cost: 60_000 };

    assert!(here.check(&limit, 60_000).await.is_allowed());
    assert!(!there.check(&limit, 60_000).await.is_allowed());
    here.0.settle(&ask, 10_000);
    sleep(1500).await;
    assert!(there.check(&limit, 60_000).await.is_allowed(), "what was not used came back");
    there.0.settle(&ask, 95_000);
    sleep(1500).await;

    let owing = here.check(&limit, 1).await;
    assert!(!owing.is_allowed(), "more was used than there is");
    assert_eq!(here.check(&limit, 100_001).await.verdict, Verdict::Never);
}

#[tokio::test(start_paused = true)]
async fn a_gate_over_shared_limits_decides_like_the_local_one() {
    let world = World::new();
    let rate = |per_minute| ClassRates { all: Some(Rate::per_minute(per_minute)), ..ClassRates::default() };
    let rules =
        Rules { address: rate(5), tiers: [("anonymous".to_owned(), rate(3))].into(), ..Rules::default() };
    let book = Arc::new(RuleBook::new(rules).expect("they make sense"));
    let told = Arc::new(crate::gates::Told::default());
    let gate =
        |process: super::world::Process| SharedGate::new(book.clone(), process.0).observed(told.clone());
    let gates = [gate(world.process().await), gate(world.process().await)];

    let (mut entered, mut admitted, mut beyond) = (0, 0, 0);
    for turn in 0..10 {
        let gate = &gates[turn % 2];
        let visitor = Visitor { name: "ada", tier: "?", may_bypass: turn == 9, class: EndpointClass::Read };
        let address = IpAddr::from([203, 0, 113, 1]);
        entered +=
            u32::from(gate.enter(address, EndpointClass::Read).await.expect("a limit holds").is_allowed());
        let decision = gate.admit(&visitor).await.expect("a limit holds");
        admitted += u32::from(decision.verdict == Verdict::Allowed);
        beyond += u32::from(decision.is_beyond());
    }

    assert_eq!((entered, admitted, beyond), (5, 3, 1));
    assert_eq!(told.0.lock().expect("nobody panics").len(), 20);
    let ended = world.tasks.shut_down(ms(5000)).await;
    assert!(ended, "whoever runs the limits stops");
}
