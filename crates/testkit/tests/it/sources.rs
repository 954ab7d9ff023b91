//! The clock and the identifiers that a test owns.

use std::time::Duration;

use codeflow_core::{Clock, Ids, Timestamp};
use codeflow_testkit::{ManualClock, SequentialIds};

#[test]
fn a_manual_clock_moves_only_when_told() {
    let clock = ManualClock::at(Timestamp::from_micros(5));

    let before = (clock.now(), clock.now());
    clock.advance(Duration::from_micros(7));

    assert_eq!(before, (Timestamp::from_micros(5), Timestamp::from_micros(5)));
    assert_eq!(clock.now(), Timestamp::from_micros(12));
}

#[test]
fn sequential_ids_rise_and_repeat_in_every_run() {
    let (one, two) = (SequentialIds::new(), SequentialIds::new());

    let first: Vec<_> = (0..300).map(|_| one.next()).collect();
    let second: Vec<_> = (0..300).map(|_| two.next()).collect();

    assert_eq!(first, second);
    assert!(first.is_sorted());
}
