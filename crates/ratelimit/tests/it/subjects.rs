//! How many subjects are remembered, and whom a flood of them makes forget.

use std::sync::Arc;

use codeflow_ratelimit::{Ask, Limiter};

use crate::given::{ManualClock, World, per_minute};

#[test]
fn a_flood_of_subjects_is_bounded() {
    let (world, limit) = (World::with_subjects(640), per_minute(10));

    for number in 0..20_000 {
        assert!(world.check(&format!("flood-{number}"), &limit, 1).is_allowed());
        assert!(world.limiter.subjects() <= 640);
    }
}

#[test]
fn who_owes_most_is_remembered_longest() {
    let (world, limit) = (World::with_subjects(640), per_minute(60));
    assert!(world.check("ada", &limit, 60).is_allowed());

    for number in 0..20_000 {
        world.check(&format!("flood-{number}"), &limit, 1);
    }

    assert_eq!(world.allowed("ada", &limit), 0);
}

#[test]
fn subjects_that_went_away_make_room_without_loss() {
    let (world, limit) = (World::with_subjects(64), per_minute(60));

    for number in 0..1000 {
        assert_eq!(world.allowed(&format!("visitor-{number}"), &limit), 60);
        world.advance(60_000_000);
    }

    assert!(world.limiter.subjects() <= 64);
}

#[test]
fn a_limiter_shows_how_many_it_knows_and_not_whom() {
    let (limiter, limit) = (Limiter::new(Arc::new(ManualClock::default())), per_minute(1));
    limiter.check(&Ask { subject: "ada", limit: &limit, cost: 1 });

    assert_eq!(format!("{limiter:?}"), "Limiter { subjects: 1, .. }");
}
