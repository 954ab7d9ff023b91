//! When schedules fire: tables for the days on which clocks are changed, and a slow model that they must agree with.

use chrono::{DateTime, NaiveDateTime, TimeDelta, TimeZone, Utc};
use codeflow_core::schedule::{CatchUp, Cron, InvalidCron, Overlap, Schedule, Timezone, Turn};
use codeflow_core::{Tenant, Timestamp};
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::new(cron.parse().expect("a cron expression"), zone.parse().expect("a time zone"))
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

/// The next slots, as the clock there shows them.
#[track_caller]
fn fires(zone: &str, cron: &str, after: &str, expected: &[&str]) {
    let schedule = schedule(cron, zone);
    let slots: Vec<String> = schedule
        .upcoming(at(after))
        .take(expected.len())
        .map(|slot| schedule.timezone.show(slot).replace(":00 ", " "))
        .collect();
    assert_eq!(slots, expected, "`{cron}` in {zone} after {after}");
}

#[test]
fn on_ordinary_days_the_clock_on_the_wall_decides() {
    fires(
        "UTC",
        "0 6 * * 1-5",
        "2026-11-27T06:00:00Z",
        &["2026-11-30 06:00 +00:00", "2026-12-01 06:00 +00:00"],
    );
    fires("UTC", "0 0 29 2 *", "2096-02-29T00:00:00Z", &["2104-02-29 00:00 +00:00"]);
    fires(
        "UTC",
        "59 23 L * *",
        "2026-02-01T00:00:00Z",
        &["2026-02-28 23:59 +00:00", "2026-03-31 23:59 +00:00"],
    );
    fires("Europe/Berlin", "0 6 * * *", "2026-07-01T00:00:00Z", &["2026-07-01 06:00 +02:00"]);
    fires("Asia/Kolkata", "30 9 * * MON", "2026-11-26T00:00:00Z", &["2026-11-30 09:30 +05:30"]);
}

#[test]
fn days_can_be_named_by_their_place_in_the_month() {
    fires("UTC", "0 0 * * 5#2", "2026-11-01T00:00:00Z", &["2026-11-13 00:00 +00:00"]);
    fires("UTC", "0 0 * * FRIL", "2026-02-01T00:00:00Z", &["2026-02-27 00:00 +00:00"]);
    fires("UTC", "0 0 15W 2 *", "2026-01-01T00:00:00Z", &["2026-02-16 00:00 +00:00"]);
    fires(
        "UTC",
        "10-50/20 0 * * 7",
        "2026-11-28T12:00:00Z",
        &["2026-11-29 00:10 +00:00", "2026-11-29 00:30 +00:00"],
    );
}

#[test]
fn a_day_of_the_month_or_one_of_the_week_is_enough_unless_both_are_asked_for() {
    fires(
        "UTC",
        "0 0 13 * 5",
        "2026-11-01T00:00:00Z",
        &["2026-11-06 00:00 +00:00", "2026-11-13 00:00 +00:00"],
    );
    fires(
        "UTC",
        "0 0 13 * +5",
        "2026-11-01T00:00:00Z",
        &["2026-11-13 00:00 +00:00", "2027-08-13 00:00 +00:00"],
    );
}

#[test]
fn seconds_may_stand_in_front() {
    let schedule = schedule("*/20 0 12 * * *", "UTC");

    let slots: Vec<String> =
        schedule.upcoming(at("2026-11-26T12:00:00.5Z")).take(3).map(|slot| slot.to_string()).collect();

    assert_eq!(slots, ["2026-11-26T12:00:20.000Z", "2026-11-26T12:00:40.000Z", "2026-11-27T12:00:00.000Z"]);
}

#[test]
fn a_time_that_is_left_out_fires_after_the_gap() {
    let day_of_the_gap = ["2026-03-28 02:30 +01:00", "2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"];
    fires("Europe/Berlin", "30 2 * * *", "2026-03-28T00:00:00Z", &day_of_the_gap);
    fires(
        "America/New_York",
        "15 2 * * *",
        "2026-03-08T00:00:00Z",
        &["2026-03-08 03:00 -04:00", "2026-03-09 02:15 -04:00"],
    );
    fires(
        "Australia/Lord_Howe",
        "10 2 * * *",
        "2026-10-03T12:00:00Z",
        &["2026-10-04 02:30 +11:00", "2026-10-05 02:10 +11:00"],
    );
    // Midnight itself was left out.
    fires(
        "America/Sao_Paulo",
        "0 0 * * *",
        "2018-11-03T12:00:00Z",
        &["2018-11-04 01:00 -02:00", "2018-11-05 00:00 -02:00"],
    );
}

#[test]
fn all_times_of_one_gap_fire_once_together() {
    let expected = ["2026-03-29 01:45 +01:00", "2026-03-29 03:00 +02:00", "2026-03-29 03:15 +02:00"];
    fires("Europe/Berlin", "*/15 1-3 * * *", "2026-03-29T00:30:00Z", &expected);
}

#[test]
fn a_time_that_comes_twice_fires_when_it_comes_first() {
    let day_of_the_overlap = ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"];
    fires("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", &day_of_the_overlap);
    fires("Europe/Berlin", "30 2 * * *", "2026-10-25T00:45:00Z", &["2026-10-26 02:30 +01:00"]);
    fires("Europe/Berlin", "30 2 * * *", "2026-10-25T01:10:00Z", &["2026-10-26 02:30 +01:00"]);
    fires("Europe/Berlin", "0 3 * * *", "2026-10-25T01:10:00Z", &["2026-10-25 03:00 +01:00"]);
    fires(
        "America/New_York",
        "0 1 * * *",
        "2026-10-31T12:00:00Z",
        &["2026-11-01 01:00 -04:00", "2026-11-02 01:00 -05:00"],
    );
    fires(
        "Australia/Lord_Howe",
        "45 1 * * *",
        "2026-04-04T12:00:00Z",
        &["2026-04-05 01:45 +11:00", "2026-04-06 01:45 +10:30"],
    );
    // Here the day before came to its last hour twice.
    fires(
        "America/Sao_Paulo",
        "30 23 * * *",
        "2018-02-17T12:00:00Z",
        &["2018-02-17 23:30 -02:00", "2018-02-18 23:30 -03:00"],
    );
}

#[test]
fn an_expression_for_every_hour_follows_the_time_that_passes() {
    fires(
        "Europe/Berlin",
        "*/30 * * * *",
        "2026-10-24T23:50:00Z",
        &[
            "2026-10-25 02:00 +02:00",
            "2026-10-25 02:30 +02:00",
            "2026-10-25 02:00 +01:00",
            "2026-10-25 02:30 +01:00",
            "2026-10-25 03:00 +01:00",
        ],
    );
    fires(
        "Europe/Berlin",
        "*/30 * * * *",
        "2026-03-29T00:20:00Z",
        &["2026-03-29 01:30 +01:00", "2026-03-29 03:00 +02:00", "2026-03-29 03:30 +02:00"],
    );
    fires(
        "Australia/Lord_Howe",
        "*/15 * * * *",
        "2026-04-04T14:40:00Z",
        &[
            "2026-04-05 01:45 +11:00",
            "2026-04-05 01:30 +10:30",
            "2026-04-05 01:45 +10:30",
            "2026-04-05 02:00 +10:30",
        ],
    );
    // 2:10 is in the gap, and nothing is made up for.
    fires(
        "Australia/Lord_Howe",
        "10 0-23 * * *",
        "2026-10-03T14:00:00Z",
        &["2026-10-04 01:10 +10:30", "2026-10-04 03:10 +11:00"],
    );
}

#[test]
fn a_whole_day_may_be_left_out() {
    fires(
        "Pacific/Apia",
        "0 12 * * *",
        "2011-12-29T00:00:00Z",
        &["2011-12-29 12:00 -10:00", "2011-12-31 00:00 +14:00", "2011-12-31 12:00 +14:00"],
    );
    fires(
        "Pacific/Apia",
        "0 */1 * * *",
        "2011-12-30T08:30:00Z",
        &["2011-12-29 23:00 -10:00", "2011-12-31 00:00 +14:00"],
    );
}

#[test]
fn what_cannot_be_read_says_why_and_what_may_help() {
    let refused = |text: &str| text.parse::<Cron>().expect_err("it is refused").to_string();

    assert_eq!(
        refused("0 6 * *"),
        "`0 6 * *` is not a cron expression: it has 4 fields instead of five or six"
    );
    assert!(refused("0 24 * * *").ends_with("number out of bounds"), "{}", refused("0 24 * * *"));
    assert!(refused("@daily").contains("1 fields"));
    assert!(refused(&"*,".repeat(101)).ends_with("it has more than 200 bytes"));
    assert!(refused("0 6 * * 1 2030 *").contains("7 fields"));
}

#[test]
fn a_date_that_never_comes_is_refused() {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 2 *"] {
        let error: InvalidCron = text.parse::<Cron>().expect_err("no year has such a day");

        assert!(error.to_string().ends_with("no year has such a day"), "{error}");
        assert!(error.hint.starts_with("choose a day that the month has"), "{}", error.hint);
    }
}

#[test]
fn beyond_the_calendar_there_are_no_slots() {
    let schedule = schedule("* * * * * *", "Europe/Berlin");

    assert_eq!(schedule.next(Timestamp::from_micros(i64::MAX)), None);
    assert_eq!(schedule.next(at("4899-12-31T23:59:59Z")), None);
    let first = schedule.next(Timestamp::from_micros(i64::MIN)).expect("there is a first one");
    assert_eq!(first.to_string(), "1900-01-01T00:00:01.000Z");
}

#[test]
fn the_name_of_a_schedule_depends_on_its_times_alone() {
    let workflow = "nightly".parse().expect("a name");
    let one = schedule("0 6 * * *", "Europe/Berlin");
    let treated = Schedule { catch_up: CatchUp::Latest, overlap: Overlap::Allow, ..one.clone() };

    assert_eq!(
        one.id(&Tenant::default(), &workflow),
        schedule("0  6 * * * ", "Europe/Berlin").id(&Tenant::default(), &workflow)
    );
    assert_eq!(one.id(&Tenant::default(), &workflow), treated.id(&Tenant::default(), &workflow));
    assert_ne!(
        one.id(&Tenant::default(), &workflow),
        schedule("0 6 * * *", "Europe/Paris").id(&Tenant::default(), &workflow)
    );
    assert_ne!(
        one.id(&Tenant::default(), &workflow),
        schedule("0 7 * * *", "Europe/Berlin").id(&Tenant::default(), &workflow)
    );
    assert_ne!(
        one.id(&Tenant::default(), &workflow),
        one.id(&Tenant::default(), &"weekly".parse().expect("a name"))
    );
}

/// What happens at `now` when nobody looked since `first`.
fn turn(catch_up: CatchUp, first: &str, now: &str) -> (Option<String>, String) {
    let schedule = Schedule { catch_up, ..schedule("0 * * * *", "UTC") };
    let Turn { slot, next } = schedule.turn(at(first), at(now));
    (slot.map(|slot| slot.to_string()), next.expect("there is a next one").to_string())
}

#[test]
fn without_catching_up_only_a_slot_on_time_fires() {
    let first = "2026-11-26T06:00:00Z";

    let on_time = turn(CatchUp::None, first, "2026-11-26T06:01:00Z");
    let late = turn(CatchUp::None, first, "2026-11-26T06:01:01Z");
    let later = turn(CatchUp::None, first, "2026-11-26T09:00:10Z");

    assert_eq!(on_time, (Some("2026-11-26T06:00:00.000Z".to_owned()), "2026-11-26T07:00:00.000Z".to_owned()));
    assert_eq!(late, (None, "2026-11-26T07:00:00.000Z".to_owned()));
    assert_eq!(later, (Some("2026-11-26T09:00:00.000Z".to_owned()), "2026-11-26T10:00:00.000Z".to_owned()));
}

#[test]
fn the_latest_slot_fires_however_late() {
    let late = turn(CatchUp::Latest, "2020-01-01T00:00:00Z", "2026-11-26T06:59:59Z");

    assert_eq!(late, (Some("2026-11-26T06:00:00.000Z".to_owned()), "2026-11-26T07:00:00.000Z".to_owned()));
}

#[test]
fn all_slots_fire_from_the_oldest_on_up_to_the_limit() {
    let few = turn(CatchUp::All { limit: 3 }, "2026-11-26T04:00:00Z", "2026-11-26T06:30:00Z");
    let many = turn(CatchUp::All { limit: 3 }, "2025-11-26T04:00:00Z", "2026-11-26T06:30:00Z");
    let last = turn(CatchUp::All { limit: 3 }, "2026-11-26T06:00:00Z", "2026-11-26T06:30:00Z");

    let first = (Some("2026-11-26T04:00:00.000Z".to_owned()), "2026-11-26T05:00:00.000Z".to_owned());
    assert_eq!(few, first);
    assert_eq!(many, first);
    assert_eq!(last, (Some("2026-11-26T06:00:00.000Z".to_owned()), "2026-11-26T07:00:00.000Z".to_owned()));
}

#[test]
fn catching_up_reads_as_it_is_written() {
    for catch_up in [CatchUp::None, CatchUp::Latest, CatchUp::ALL, CatchUp::All { limit: 1_000 }] {
        assert_eq!(catch_up.to_string().parse(), Ok(catch_up));
    }
    for text in ["all:0", "all:1001", "all:", "some", ""] {
        assert!(text.parse::<CatchUp>().is_err(), "{text}");
    }
}

/// Zones, each with a moment near which its clock is changed.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),
    ("Africa/Casablanca", "2026-02-15T02:00:00Z"),
    ("Asia/Pyongyang", "2018-05-04T15:00:00Z"),
    ("UTC", "2026-03-29T01:00:00Z"),
];

fn crons() -> impl Strategy<Value = String> {
    let minutes = select(vec!["*", "*/15", "0", "30", "7-59/13", "45", "0,59"]);
    let hours = select(vec!["*", "0-23", "0", "1", "2", "3", "23", "*/2", "1-3", "0,12"]);
    let days = select(vec!["*", "*", "*", "29-31", "L", "1,4,8,25"]);
    let weekdays = select(vec!["*", "*", "*", "0", "1-6", "FRI#L"]);
    (minutes, hours, days, weekdays).prop_map(|(m, h, d, w)| format!("{m} {h} {d} * {w}"))
}

/// The slots of a stretch of minutes, found by looking at each of them.
fn model(cron: &str, zone: &str, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Timestamp> {
    let pattern: croner::Cron = cron.parse().expect("a cron expression");
    let zone: chrono_tz::Tz = zone.parse().expect("a time zone");
    let every_hour = ["*", "0-23"].contains(&cron.split(' ').nth(1).expect("five fields"));
    let named = |reading: NaiveDateTime| pattern.is_time_matching(&reading).expect("a year with four digits");
    let reading = |at: DateTime<Utc>| zone.from_utc_datetime(&at.naive_utc()).naive_local();
    let minute = TimeDelta::minutes(1);
    let (mut now, mut slots) = (from - TimeDelta::days(2), Vec::new());
    let mut highest = reading(now);
    while now < until {
        now += minute;
        let shown = reading(now);
        let reached = std::iter::successors(Some(highest + minute), |reading| Some(*reading + minute))
            .take_while(|reading| *reading <= shown)
            .any(named);
        if now > from && (if every_hour { named(shown) } else { reached }) {
            slots.push(now.into());
        }
        highest = highest.max(shown);
    }
    slots
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_are_those_of_the_slow_model(cron in crons(), change in select(CHANGES.to_vec()), before in 0i64..2_880) {
        let (zone, change) = change;
        let from = at(change).datetime() - TimeDelta::minutes(before);
        let until = from + TimeDelta::days(3);
        let schedule = schedule(&cron, zone);

        let slots: Vec<Timestamp> =
            schedule.upcoming(from.into()).take_while(|slot| slot.datetime() <= until).collect();

        prop_assert_eq!(slots, model(&cron, zone, from, until));
    }

    #[test]
    fn from_any_moment_slots_strictly_increase(
        cron in crons(),
        zone in select(Timezone::names().collect::<Vec<_>>()),
        micros in -2_000_000_000_000_000i64..90_000_000_000_000_000,
    ) {
        let schedule = schedule(&cron, zone);
        let mut before = Timestamp::from_micros(micros);

        for _ in 0..40 {
            let slot = schedule.next(before).expect("every month has such a time");
            prop_assert!(slot > before, "{} is not after {}", slot, before);
            before = slot;
        }
    }

    #[test]
    fn any_text_is_refused_or_gives_slots(
        text in "([0-9*/,LW#+?A-Z-]{1,6} ){4,5}[0-9*/,LW#+?A-Z-]{1,6}",
        plausible in "([*]|[0-9]{1,2}|[*]/[0-9]|[0-9]-[0-9]) ([*]|1?[0-9]|2-9/3) ([*]|L|[1-3][0-9]?W?) ([*]|1?[0-9]|FEB) ([*]|[0-7]|[0-7]#[1-5L]|[+][0-7]|[0-7]L)",
        micros in -2_000_000_000_000_000i64..4_000_000_000_000_000,
    ) {
        for cron in [text, plausible].iter().flat_map(|text| text.parse()) {
            let schedule = Schedule::new(cron, "America/New_York".parse().expect("a time zone"));
            let after = Timestamp::from_micros(micros);
            let first = schedule.next(after).expect("a date that never comes is refused");
            let second = schedule.next(first).expect("it comes again");
            prop_assert!(after < first && first < second);
        }
    }

    #[test]
    fn a_turn_takes_what_counting_finds(
        cron in crons(),
        change in select(CHANGES.to_vec()),
        minutes in 0i64..3_000,
        limit in 1u32..20,
    ) {
        let (zone, change) = change;
        let start = Timestamp::from(at(change).datetime() - TimeDelta::days(1));
        let now = Timestamp::from(start.datetime() + TimeDelta::minutes(minutes));
        let schedule = schedule(&cron, zone);
        let gone: Vec<Timestamp> = schedule.upcoming(start).take_while(|slot| *slot <= now).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let oldest = gone[gone.len().saturating_sub(limit as usize)];
        let last = gone[gone.len() - 1];

        let all = Schedule { catch_up: CatchUp::All { limit }, ..schedule.clone() };
        let latest = Schedule { catch_up: CatchUp::Latest, ..schedule.clone() };

        prop_assert_eq!(all.turn(gone[0], now), Turn { slot: Some(oldest), next: schedule.next(oldest) });
        prop_assert_eq!(latest.turn(gone[0], now), Turn { slot: Some(last), next: schedule.next(last) });
    }
}
