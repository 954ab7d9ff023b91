//! When a failed attempt is tried again, and after how long.

use std::time::Duration;

use codeflow_core::{ActionErrorKind, Backoff, RetryPolicy};
use proptest::prelude::any;
use proptest::{prop_assert, proptest};

const KINDS: [ActionErrorKind; 8] = [
    ActionErrorKind::RateLimited,
    ActionErrorKind::Timeout,
    ActionErrorKind::Unavailable,
    ActionErrorKind::InvalidInput,
    ActionErrorKind::Denied,
    ActionErrorKind::Failed,
    ActionErrorKind::Cancelled,
    ActionErrorKind::Internal,
];

fn waits(policy: &RetryPolicy) -> Vec<u128> {
    let next = |attempt| policy.next(attempt, ActionErrorKind::Timeout);
    (1..=policy.attempts).map_while(next).map(|wait| wait.as_millis()).collect()
}

#[test]
fn a_step_that_says_nothing_is_tried_once() {
    assert_eq!(waits(&RetryPolicy::default()), [] as [u128; 0]);
}

#[test]
fn waits_double_up_to_the_cap() {
    let policy = RetryPolicy { attempts: 6, ..RetryPolicy::default() };

    assert_eq!(waits(&policy), [2_000, 4_000, 8_000, 10_000, 10_000]);
}

#[test]
fn a_constant_wait_stays_and_is_capped_too() {
    let policy = RetryPolicy { attempts: 4, backoff: Backoff::Constant, ..RetryPolicy::default() };
    let long = RetryPolicy { initial: Duration::from_secs(60), ..policy.clone() };

    assert_eq!(waits(&policy), [2_000; 3]);
    assert_eq!(waits(&long), [10_000; 3]);
}

#[test]
fn only_failures_that_pass_are_worth_another_attempt_unless_the_step_says_others() {
    let policy = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let worth = |policy: &RetryPolicy| {
        KINDS.into_iter().filter(|kind| policy.next(1, *kind).is_some()).collect::<Vec<_>>()
    };

    assert_eq!(worth(&policy), KINDS[..3]);
    assert_eq!(worth(&RetryPolicy { on: vec![ActionErrorKind::Denied], ..policy }), [KINDS[4]]);
}

proptest! {
    #[test]
    fn no_policy_waits_longer_than_its_cap_or_goes_on_for_ever(
        attempts in any::<u32>(), attempt in any::<u32>(), initial in any::<u64>(), cap in any::<u64>(),
    ) {
        let policy = RetryPolicy {
            attempts,
            backoff: Backoff::Exponential,
            initial: Duration::from_millis(initial),
            cap: Duration::from_millis(cap),
            on: vec![ActionErrorKind::Failed],
        };

        match policy.next(attempt, ActionErrorKind::Failed) {
            Some(wait) => prop_assert!(wait <= policy.cap && attempt < attempts),
            None => prop_assert!(attempt >= attempts),
        }
    }
}
