//! Several limits at once, and several threads at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};

use codeflow_ratelimit::{Ask, Limit, Verdict};

use crate::given::{World, per_minute};

#[test]
fn all_limits_are_taken_or_none() {
    let (world, requests) = (World::new(), per_minute(10));
    let tokens = Limit { name: "tokens", ..per_minute(1000) };
    let asks = |cost| {
        [Ask { subject: "ada", limit: &requests, cost: 1 }, Ask { subject: "ada", limit: &tokens, cost }]
    };

    let allowed = world.limiter.check_all(&asks(900)).expect("something was asked for");
    assert!(allowed.is_allowed());
    assert_eq!((allowed.limit.name, allowed.remaining), ("tokens", 100));

    let refused = world.limiter.check_all(&asks(101)).expect("something was asked for");
    assert_eq!(refused.limit.name, "tokens");
    assert!(matches!(refused.verdict, Verdict::Later(_)));
    assert_eq!(world.check("ada", &requests, 0).remaining, 9, "the request was given back");

    assert_eq!(world.limiter.check_all(&[]), None);
}

#[test]
fn the_limit_that_leaves_the_smallest_part_is_told() {
    let (world, small) = (World::new(), per_minute(10));
    let large = Limit { name: "tokens", ..per_minute(1000) };
    let told = |small_cost, large_cost| {
        let asks = [
            Ask { subject: "ada", limit: &small, cost: small_cost },
            Ask { subject: "ada", limit: &large, cost: large_cost },
        ];
        world.limiter.check_all(&asks).expect("something was asked for").limit.name
    };

    assert_eq!(told(2, 1), "requests");
    assert_eq!(told(0, 300), "tokens");
}

#[test]
fn sixty_four_threads_get_exactly_as_much_as_one() {
    const THREADS: u32 = 64;
    const LIMIT: u32 = 10_007;
    let (world, limit) = (World::new(), per_minute(LIMIT));
    let (allowed, start) = (AtomicU32::new(0), Barrier::new(THREADS as usize));

    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..LIMIT / THREADS + 100 {
                    let admitted = world.check("ada", &limit, 1).is_allowed();
                    allowed.fetch_add(u32::from(admitted), Ordering::Relaxed);
                }
            });
        }
    });

    assert_eq!(allowed.load(Ordering::Relaxed), LIMIT);
}

#[test]
fn sixty_four_threads_that_reserve_and_settle_leave_what_they_used() {
    const THREADS: u32 = 64;
    let (world, limit) = (World::new(), per_minute(1_000_000));
    let used = AtomicU32::new(0);

    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (world, limit, used) = (&world, &limit, &used);
            scope.spawn(move || {
                for round in 0..100 {
                    let actual = (thread + round) % 90;
                    if world.check("ada", limit, 50).is_allowed() {
                        world.settle(limit, 50, actual);
                        used.fetch_add(actual, Ordering::Relaxed);
                    }
                }
            });
        }
    });

    assert_eq!(world.check("ada", &limit, 0).remaining, 1_000_000 - used.load(Ordering::Relaxed));
}

#[test]
fn what_can_never_be_allowed_is_told_before_what_has_to_wait() {
    let (world, requests) = (World::new(), per_minute(10));
    let tokens = Limit { name: "tokens", ..per_minute(100) };
    assert_eq!(world.allowed("ada", &requests), 10);

    let both = [
        Ask { subject: "ada", limit: &tokens, cost: 101 },
        Ask { subject: "ada", limit: &requests, cost: 1 },
    ];
    let told = world.limiter.check_all(&both).expect("something was asked for");

    assert_eq!((told.limit.name, told.verdict), ("tokens", Verdict::Never));
}

#[test]
fn a_limit_whose_window_changes_keeps_the_units_that_were_used() {
    let (world, minute) = (World::new(), per_minute(10));
    let hour = Limit { window: std::time::Duration::from_secs(3600), ..minute };
    assert!(world.check("ada", &minute, 7).is_allowed());

    assert_eq!(world.check("ada", &hour, 0).remaining, 3);
    assert_eq!(world.check("ada", &minute, 0).remaining, 3);
}
