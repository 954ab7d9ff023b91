//! Moments and durations: round trips, limits, and texts that are neither.

use std::time::Duration;

use chrono::{DateTime, Utc};
use codeflow_core::{Timestamp, format_duration, parse_duration};
use proptest::prelude::any;
use proptest::{prop_assert, prop_assert_eq, proptest};

#[test]
fn a_moment_is_cut_to_microseconds() {
    let precise: DateTime<Utc> = "2024-05-06T07:08:09.123456789Z".parse().unwrap();

    let moment = Timestamp::from(precise);

    assert_eq!(DateTime::<Utc>::from(moment).to_rfc3339(), "2024-05-06T07:08:09.123456+00:00");
    assert_eq!((moment.micros(), moment.datetime()), (1_714_979_289_123_456, moment.into()));
}

#[test]
fn a_moment_is_shown_in_milliseconds_and_read_in_any_zone() {
    let moment: Timestamp = "2024-05-06T09:08:09.1239+02:00".parse().unwrap();

    assert_eq!(moment.to_string(), "2024-05-06T07:08:09.123Z");
    for text in ["", "2024-05-06", "2024-05-06T07:08:09", "2024-13-01T00:00:00Z", "now", "1714979289"] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

#[test]
fn moments_beyond_the_calendar_are_clamped_to_it() {
    let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));

    assert!(first < Timestamp::EPOCH && Timestamp::EPOCH < last);
    assert_eq!(last.after(Duration::MAX), last);
    assert_eq!(Timestamp::EPOCH.after(Duration::MAX), last);
    assert_eq!(first.since(last), Duration::ZERO);
    assert!(last.since(first) > Duration::from_secs(365 * 86_400 * 100_000));
}

#[test]
fn the_time_since_a_later_moment_is_nothing() {
    let later = Timestamp::EPOCH.after(Duration::from_millis(1_500));

    assert_eq!(later.since(Timestamp::EPOCH), Duration::from_millis(1_500));
    assert_eq!(Timestamp::EPOCH.since(later), Duration::ZERO);
}

#[test]
fn durations_are_read_as_people_write_them() {
    for (text, millis) in [
        ("500ms", 500),
        ("30s", 30_000),
        ("10m", 600_000),
        ("1h30m", 5_400_000),
        ("3d", 259_200_000),
        ("0s", 0),
        ("1m1m", 120_000),
        ("18446744073709551615ms", u64::MAX),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
    }
}

#[test]
fn what_is_no_duration_is_refused_and_quoted() {
    for text in [
        "",
        " ",
        "5",
        "s",
        "5 s",
        "-5s",
        "+5s",
        "1.5h",
        "5S",
        "5min",
        "5us",
        "1h30",
        "ms5",
        "5sé",
        "é",
        "٥s",
        "18446744073709551616ms",
        "18446744073709551615s",
        "18446744073709551615ms1ms",
    ] {
        let error = parse_duration(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is not a duration")), "{error}");
    }
    assert!(parse_duration(&"1s".repeat(100_000)).is_ok());
    assert!(parse_duration(&"x".repeat(100_000)).unwrap_err().to_string().len() < 250);
}

#[test]
fn durations_are_shown_in_the_largest_units_that_fit() {
    for (duration, text) in [
        (Duration::ZERO, "0s"),
        (Duration::from_micros(999), "0s"),
        (Duration::from_millis(1), "1ms"),
        (Duration::from_millis(61_001), "1m1s1ms"),
        (Duration::from_secs(5_400), "1h30m"),
        (Duration::from_secs(90_000), "1d1h"),
        (Duration::MAX, "213503982334d14h25m51s615ms"),
    ] {
        assert_eq!(format_duration(duration), text);
    }
}

proptest! {
    #[test]
    fn every_duration_reads_back(millis in any::<u64>()) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn every_moment_of_the_calendar_reads_back(micros in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
        let moment = Timestamp::from_micros(micros);
        prop_assert_eq!(moment.micros(), micros);
        let text = serde_json::to_string(&moment).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), moment);
    }

    #[test]
    fn no_number_of_microseconds_is_too_many(micros in any::<i64>(), millis in any::<u64>()) {
        let moment = Timestamp::from_micros(micros);
        prop_assert!(moment.after(Duration::from_millis(millis)) >= moment);
        let _ = moment.to_string();
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in any::<String>()) {
        let _ = parse_duration(&text);
        let _ = text.parse::<Timestamp>();
    }
}
