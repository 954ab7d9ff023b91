//! How a decision is said in headers.

use codeflow_ratelimit::Limit;

use crate::given::{World, number, per_minute};

#[test]
fn an_allowed_request_hears_what_is_left() {
    let (world, limit) = (World::new(), per_minute(60));

    let headers = world.check("ada", &limit, 2).headers();

    let expected = [
        ("ratelimit-policy", "\"requests\";q=60;w=60"),
        ("ratelimit", "\"requests\";r=58;t=2"),
        ("x-ratelimit-limit", "60"),
        ("x-ratelimit-remaining", "58"),
        ("x-ratelimit-reset", "2"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_refused_request_hears_when_to_come_back_in_whole_seconds_rounded_up() {
    let (world, limit) = (World::new(), per_minute(60));
    assert!(world.check("ada", &limit, 60).is_allowed());

    for (passed, seconds) in [(0, "1"), (1, "1"), (999_998, "1")] {
        world.advance(passed);
        let headers = world.check("ada", &limit, 1).headers();
        assert_eq!(headers.last(), Some(&("retry-after", seconds.to_owned())));
    }
    let headers = world.check("ada", &limit, 3).headers();
    assert_eq!(headers.last(), Some(&("retry-after", "3".to_owned())));
}

#[test]
fn a_request_that_is_never_allowed_is_not_told_to_come_back() {
    let (world, limit) = (World::new(), Limit { burst: number(2), ..per_minute(60) });

    let headers = world.check("ada", &limit, 3).headers();

    assert!(headers.iter().all(|(name, _)| *name != "retry-after"));
    assert!(headers.contains(&("x-ratelimit-limit", "2".to_owned())));
}
