//! Money: whole micro-dollars, read and shown without loss.

use codeflow_core::Usd;
use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};

#[test]
fn amounts_are_read_with_up_to_six_decimals() {
    for (text, micros) in [
        ("0", 0),
        ("0.40", 400_000),
        ("12", 12_000_000),
        ("0.000001", 1),
        ("007.5", 7_500_000),
        ("18446744073709.551615", u64::MAX),
    ] {
        assert_eq!(text.parse::<Usd>().unwrap(), Usd::from_micros(micros), "{text}");
    }
}

#[test]
fn what_is_no_amount_is_refused_and_quoted() {
    for text in [
        "",
        ".",
        "1.",
        ".5",
        "-1",
        "+1",
        "1e3",
        "0.0000001",
        "1,5",
        "$1",
        " 1",
        "1 ",
        "NaN",
        "١",
        "18446744073709.551616",
        "18446744073710",
        "99999999999999999999",
    ] {
        let error = text.parse::<Usd>().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{text}` is not an amount of dollars")), "{error}");
    }
    let long = "9".repeat(10_000).parse::<Usd>().unwrap_err().to_string();
    assert!(long.len() < 200);
}

#[test]
fn amounts_are_shown_in_cents_unless_that_would_lose_something() {
    for (micros, text) in [
        (0, "$0.00"),
        (400_000, "$0.40"),
        (12_340_000, "$12.34"),
        (1, "$0.000001"),
        (1_234_567, "$1.234567"),
        (u64::MAX, "$18446744073709.551615"),
    ] {
        assert_eq!(Usd::from_micros(micros).to_string(), text);
    }
}

#[test]
fn sums_and_differences_stop_at_the_ends() {
    let (most, one) = (Usd::from_micros(u64::MAX), Usd::from_micros(1));

    assert_eq!((most.checked_add(one), one.checked_add(one)), (None, Some(Usd::from_micros(2))));
    assert_eq!((most + one, Usd::ZERO.saturating_sub(one)), (most, Usd::ZERO));
    let mut sum = one;
    sum += one;
    assert_eq!((sum.micros(), sum.saturating_sub(one)), (2, one));
}

#[test]
fn json_holds_whole_micro_dollars() {
    assert_eq!(serde_json::to_string(&Usd::from_micros(400_000)).unwrap(), "400000");
    assert_eq!(serde_json::from_str::<Usd>("400000").unwrap(), Usd::from_micros(400_000));
    assert!(serde_json::from_str::<Usd>("0.4").is_err());
    assert!(serde_json::from_str::<Usd>("-1").is_err());
}

proptest! {
    #[test]
    fn every_amount_reads_back(micros in any::<u64>()) {
        let usd = Usd::from_micros(micros);
        prop_assert_eq!(usd.to_string().trim_start_matches('$').parse::<Usd>().unwrap(), usd);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = text.parse::<Usd>();
    }
}
