//! What is allowed, when, and what an estimate that was wrong changes.

use std::time::Duration;

use codeflow_ratelimit::{Limit, Verdict};

use crate::given::{World, number, per_minute};

#[test]
fn exactly_as_many_are_allowed_as_the_limit_says() {
    for quota in [1, 2, 3, 7, 60, 61, 997, 59_999, 70_001] {
        let (world, limit) = (World::new(), per_minute(quota));

        assert_eq!(world.allowed("ada", &limit), quota);

        world.advance(60_000_000);
        assert_eq!(world.allowed("ada", &limit), quota, "a minute later");
    }
}

#[test]
fn what_was_used_comes_back_steadily() {
    let (world, limit) = (World::new(), per_minute(60));
    assert_eq!(world.allowed("ada", &limit), 60);

    world.advance(999_999);
    assert_eq!(world.check("ada", &limit, 1).verdict, Verdict::Later(Duration::from_micros(1)));

    world.advance(1);
    assert!(world.check("ada", &limit, 1).is_allowed());
    assert_eq!(world.check("ada", &limit, 1).verdict, Verdict::Later(Duration::from_secs(1)));
}

#[test]
fn a_decision_says_what_is_left_and_when_all_is_back() {
    let (world, limit) = (World::new(), per_minute(60));

    let first = world.check("ada", &limit, 15);
    assert_eq!((first.remaining, first.reset_after), (45, Duration::from_secs(15)));
    assert_eq!((first.retry_after(), first.reason()), (None, None));

    world.advance(500_000);
    let second = world.check("ada", &limit, 46);
    assert_eq!((second.remaining, second.reset_after), (45, Duration::from_millis(14_500)));
    assert_eq!(second.retry_after(), Some(Duration::from_millis(500)));
    let reason = "the limit of 60 requests in 60 s is used up; try again in 1 s";
    assert_eq!(second.reason().as_deref(), Some(reason));
}

#[test]
fn a_refusal_takes_nothing() {
    let (world, limit) = (World::new(), per_minute(10));
    assert!(world.check("ada", &limit, 6).is_allowed());

    for _ in 0..100 {
        assert!(!world.check("ada", &limit, 5).is_allowed());
    }

    assert!(world.check("ada", &limit, 4).is_allowed());
}

#[test]
fn more_than_the_burst_is_never_allowed_and_says_so() {
    let (world, limit) = (World::new(), Limit { burst: number(5), ..per_minute(60) });

    let decision = world.check("ada", &limit, 6);

    assert_eq!(decision.verdict, Verdict::Never);
    assert_eq!((decision.remaining, decision.retry_after()), (5, None));
    let reason = "this needs more than the 5 requests that are allowed at once; make it smaller";
    assert_eq!(decision.reason().as_deref(), Some(reason));
    assert!(world.check("ada", &limit, 5).is_allowed());
}

#[test]
fn a_burst_may_be_smaller_or_larger_than_the_quota() {
    let world = World::new();
    let (small, large) = (
        Limit { burst: number(5), ..per_minute(60) },
        Limit { burst: number(100), name: "large", ..per_minute(60) },
    );

    assert_eq!((world.allowed("ada", &small), world.allowed("ada", &large)), (5, 100));

    world.advance(10_000_000);
    assert_eq!((world.allowed("ada", &small), world.allowed("ada", &large)), (5, 10));
}

#[test]
fn subjects_and_limits_are_counted_apart() {
    let (world, requests) = (World::new(), per_minute(3));
    let tokens = Limit { name: "tokens", ..requests };

    for subject in ["ada", "grace"] {
        assert_eq!(world.allowed(subject, &requests), 3);
        assert_eq!(world.allowed(subject, &tokens), 3);
    }
    assert_eq!(world.limiter.subjects(), 2);
}

#[test]
fn what_was_reserved_too_much_is_given_back() {
    let (world, limit) = (World::new(), per_minute(1000));
    assert!(world.check("ada", &limit, 900).is_allowed());

    world.settle(&limit, 900, 100);

    assert_eq!(world.check("ada", &limit, 0).remaining, 900);
}

#[test]
fn what_was_given_back_late_is_not_given_twice() {
    let (world, limit) = (World::new(), per_minute(1000));
    assert!(world.check("ada", &limit, 1000).is_allowed());

    world.advance(60_000_000);
    world.settle(&limit, 1000, 0);

    assert_eq!(world.allowed("ada", &limit), 1000);
}

#[test]
fn what_was_reserved_too_little_is_owed() {
    let (world, limit) = (World::new(), per_minute(1000));
    assert!(world.check("ada", &limit, 100).is_allowed());

    world.settle(&limit, 100, 2100);

    let decision = world.check("ada", &limit, 100);
    assert_eq!(decision.remaining, 0);
    assert_eq!(decision.verdict, Verdict::Later(Duration::from_secs(72)));
    world.advance(71_999_999);
    assert!(!world.check("ada", &limit, 100).is_allowed());
    world.advance(1);
    assert!(world.check("ada", &limit, 100).is_allowed());
}

#[test]
fn an_estimate_that_was_right_changes_nothing() {
    let (world, limit) = (World::new(), per_minute(10));
    assert!(world.check("ada", &limit, 4).is_allowed());

    world.settle(&limit, 4, 4);

    assert_eq!(world.check("ada", &limit, 0).remaining, 6);
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let (world, limit) = (World::new(), Limit { window: Duration::MAX, ..per_minute(u32::MAX) });

    assert_eq!(world.check("ada", &limit, u32::MAX).remaining, 0);
    for _ in 0..10 {
        world.settle(&limit, 0, u32::MAX);
    }
    assert!(world.check("ada", &limit, u32::MAX).retry_after().is_some());
    let decision = world.check("grace", &Limit { window: Duration::ZERO, ..per_minute(1) }, 1);
    assert_eq!(decision.reset_after, Duration::from_micros(1));
}

#[test]
fn a_limit_that_changes_keeps_what_was_used() {
    let world = World::new();
    assert!(world.check("ada", &per_minute(100), 50).is_allowed());

    assert_eq!(world.check("ada", &per_minute(200), 0).remaining, 150);
    assert_eq!(world.check("ada", &per_minute(40), 0).remaining, 0);
}

#[test]
fn a_clock_that_is_set_back_locks_nobody_out() {
    let (world, limit) = (World::new(), per_minute(60));
    world.clock.set(7_200_000_000);
    assert!(world.check("ada", &limit, 60).is_allowed());

    world.clock.set(0);
    assert_eq!(world.check("ada", &limit, 60).verdict, Verdict::Later(Duration::from_secs(60)));

    world.clock.set(60_000_000);
    assert!(world.check("ada", &limit, 60).is_allowed());
}
