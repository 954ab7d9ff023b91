//! The walk through a fallback chain, one failure at a time.

use std::time::Duration;

use codeflow_model::{ApiClientError, Details, ErrorKind, Next, Phase, Reach, Repeat, Step, Walk};

const REPEAT: Repeat =
    Repeat { attempts: 3, first: Duration::from_secs(2), cap: Duration::from_secs(10), jitter: false };

/// What the provider asks for: nothing, a second, a minute.
const ASKED: [Option<u64>; 3] = [None, Some(1), Some(60)];
/// What is left: no deadline, a second and a half, five minutes, nothing.
const LEFT: [Option<u64>; 4] = [None, Some(1_500), Some(300_000), Some(0)];

/// What follows. A row for each of [`ASKED`] on a model that has a successor, then on the last one; a column for each
/// of [`LEFT`]. A number is a wait in seconds, `f` falls back, `-` gives up.
type Table = [&'static str; 6];

const PASSING: Table = [
    "2 f 2 -", "2 f 2 -", "f f f -", //
    "2 - 2 -", "2 - 2 -", "- - 60 -",
];
const RATE_LIMITED: Table = [
    "f f f -", "f f f -", "f f f -", //
    "- - - -", "1 1 1 -", "- - 60 -",
];
const ELSEWHERE: Table = [
    "f f f -", "f f f -", "f f f -", //
    "- - - -", "- - - -", "- - - -",
];
const NOWHERE: Table = ["- - - -"; 6];

fn table(kind: ErrorKind, reach: Reach) -> Table {
    match kind {
        ErrorKind::Overloaded if reach == Reach::NotSent => ELSEWHERE,
        ErrorKind::ProviderConnection | ErrorKind::Timeout | ErrorKind::Overloaded => PASSING,
        ErrorKind::RateLimited => RATE_LIMITED,
        ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::ContextTooLong
        | ErrorKind::ModelNotAvailable
        | ErrorKind::BadResponse => ELSEWHERE,
        ErrorKind::InvalidRequest
        | ErrorKind::ContentFiltered
        | ErrorKind::InvalidPolicy
        | ErrorKind::BudgetExceeded
        | ErrorKind::Cancelled
        | ErrorKind::Internal => NOWHERE,
    }
}

fn failure(kind: ErrorKind, reach: Reach, phase: Phase, asked: Option<u64>) -> ApiClientError {
    let retry_after = asked.map(Duration::from_secs);
    let details = Details { reach, phase, retry_after, ..Details::default() };
    ApiClientError::new(kind, "failed").about(details)
}

fn passing() -> ApiClientError {
    failure(ErrorKind::Timeout, Reach::Unknown, Phase::BeforeFirstToken, None)
}

fn written(next: Next) -> String {
    match next {
        Next::Again(wait) => wait.as_secs().to_string(),
        Next::Fallback => "f".to_owned(),
        Next::GiveUp => "-".to_owned(),
    }
}

#[test]
fn every_failure_has_its_consequence() {
    for kind in ErrorKind::ALL {
        for reach in [Reach::NotSent, Reach::Refused, Reach::Unknown] {
            for (row, expected) in table(kind, reach).into_iter().enumerate() {
                let (len, asked) = (2 - row / 3, ASKED[row % 3]);
                let next = |left: Option<u64>| {
                    let error = failure(kind, reach, Phase::BeforeFirstToken, asked);
                    written(Walk::new(len, REPEAT).next(&error, left.map(Duration::from_millis), 1.0))
                };

                let found = LEFT.map(next).join(" ");

                assert_eq!(found, expected, "{kind:?}, {reach:?}, chain of {len}, asked {asked:?}");
            }
        }
    }
}

#[test]
fn nothing_follows_once_the_caller_has_seen_a_token() {
    for kind in ErrorKind::ALL {
        for asked in ASKED {
            for left in LEFT {
                let error = failure(kind, Reach::Unknown, Phase::AfterFirstToken, asked);
                let next = Walk::new(3, REPEAT).next(&error, left.map(Duration::from_millis), 1.0);
                assert_eq!(next, Next::GiveUp, "{kind:?}");
            }
        }
    }
}

#[test]
fn the_place_in_the_chain_does_not_matter_but_for_the_last() {
    for at in 0..4 {
        let mut walk = Walk::new(4, REPEAT);
        for _ in 0..at {
            walk.skip();
        }
        let limited = failure(ErrorKind::RateLimited, Reach::Refused, Phase::BeforeFirstToken, Some(1));

        let next = walk.next(&limited, None, 1.0);

        let expected = if at == 3 { Next::Again(Duration::from_secs(1)) } else { Next::Fallback };
        assert_eq!(next, expected, "model {at}");
    }
}

#[test]
fn one_model_is_asked_three_times_with_waits_of_two_and_four_seconds() {
    let mut walk = Walk::new(1, Repeat::default());

    let course = [(); 3].map(|()| walk.next(&passing(), None, 1.0));

    let waits = [2, 4].map(|wait| Next::Again(Duration::from_secs(wait)));
    assert_eq!(course, [waits[0], waits[1], Next::GiveUp]);
}

#[test]
fn a_chain_does_not_multiply_attempts() {
    let mut walk = Walk::new(4, REPEAT);
    let mut steps = vec![walk.step()];

    while walk.next(&passing(), None, 1.0) != Next::GiveUp {
        steps.push(walk.step());
    }

    let expected = [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (3, 1)];
    assert_eq!(steps, expected.map(|(hop, attempt)| Step { hop, attempt }));
}

#[test]
fn a_repeat_that_was_not_used_serves_a_later_model() {
    let mut walk = Walk::new(2, REPEAT);
    let refused = failure(ErrorKind::Authentication, Reach::Refused, Phase::BeforeFirstToken, None);

    let course =
        [refused, passing(), passing(), passing()].map(|error| written(walk.next(&error, None, 1.0)));

    assert_eq!(course, ["f", "2", "4", "-"]);
}

#[test]
fn waits_double_to_the_cap_and_never_overflow() {
    let mut walk = Walk::new(1, Repeat { attempts: u32::MAX, ..REPEAT });

    let waits: Vec<_> = (0..100).map(|_| written(walk.next(&passing(), None, 1.0))).collect();

    assert_eq!(waits[..5], ["2", "4", "8", "10", "10"]);
    assert_eq!(waits[99], "10");
}

#[test]
fn jitter_draws_our_own_wait_and_never_shortens_the_providers() {
    let repeat = Repeat { jitter: true, ..REPEAT };
    let asked = failure(ErrorKind::Overloaded, Reach::Refused, Phase::BeforeFirstToken, Some(1));
    for (draw, own, with_provider) in
        [(0.0, 0, 1_000), (0.25, 500, 1_000), (1.0, 2_000, 2_000), (7.0, 2_000, 2_000)]
    {
        let next = |error: &ApiClientError| Walk::new(1, repeat).next(error, None, draw);
        assert_eq!(next(&passing()), Next::Again(Duration::from_millis(own)));
        assert_eq!(next(&asked), Next::Again(Duration::from_millis(with_provider)));
    }
}

#[test]
fn one_attempt_is_one_attempt_for_each_model() {
    let mut walk = Walk::new(2, Repeat::NEVER);

    let course = [(); 2].map(|()| walk.next(&passing(), None, 1.0));

    assert_eq!(course, [Next::Fallback, Next::GiveUp]);
}
