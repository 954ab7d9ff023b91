//! `codeflow schedule`: keeps schedules, shows their times, pauses and resumes them.

use crate::support::Checkout;

const NIGHTLY: &str = "version: 1\nname: nightly\non:\n  schedule:\n    - { cron: '30 2 * * *', timezone: Europe/Berlin, catch_up: latest }\n    \
                       - { cron: '0 0 1 1 *', overlap: replace }\nsteps: { rest: { sleep: 1ms } }\n";

/// A folder in which the schedules of `nightly` are kept.
fn kept() -> Checkout {
    let checkout = Checkout::folder();
    checkout.write("nightly.yaml", NIGHTLY);
    let added = checkout.codeflow(&["schedule", "add", "nightly.yaml"]).ends_with(0);
    assert_eq!(added.stdout.lines().count(), 2, "{added:#?}");
    checkout
}

#[test]
fn kept_schedules_are_listed_with_their_next_times() {
    let checkout = kept();

    let text = checkout.codeflow(&["schedule", "list"]).ends_with(0);
    let rows = checkout.codeflow(&["schedule", "list", "nightly", "--format", "json"]).ends_with(0).json();

    assert!(text.stdout.contains("nightly  30 2 * * * Europe/Berlin  next 20"), "{text:#?}");
    assert!(text.stdout.contains("0 0 1 1 * UTC"), "{text:#?}");
    let rows = rows.as_array().expect("a list");
    let berlin = rows.iter().find(|row| row["timezone"] == "Europe/Berlin").expect("it is there");
    assert_eq!((&berlin["cron"], &berlin["catch_up"]), (&"30 2 * * *".into(), &"latest".into()));
    assert_eq!((&berlin["overlap"], &berlin["enabled"]), (&"skip".into(), &true.into()));
    assert!(berlin["next_at"].is_string() && berlin["last_slot"].is_null(), "{berlin}");
}

#[test]
fn the_next_times_are_shown_in_their_zone() {
    let checkout = kept();

    let text = checkout.codeflow(&["schedule", "next", "--count", "3"]).ends_with(0);
    let json = checkout.codeflow(&["schedule", "next", "nightly", "--count", "400", "--format", "json"]);

    let berlin =
        text.stdout.lines().filter(|line| line.contains(" 02:30:00 +0") || line.contains(" 03:00:00 +02:00"));
    assert_eq!(berlin.count(), 3, "{text:#?}");
    let json = json.ends_with(0).json();
    let slots = json[0]["slots"].as_array().expect("a list").len();
    assert_eq!(slots, 400);
}

#[test]
fn schedules_are_paused_and_resumed_by_workflow_or_id() {
    let checkout = kept();
    let rows = checkout.codeflow(&["schedule", "list", "--format", "json"]).ends_with(0).json();
    let id = rows[0]["id"].as_str().expect("an id");

    let one = checkout.codeflow(&["schedule", "pause", id]).ends_with(0);
    let both = checkout.codeflow(&["schedule", "pause", "nightly"]).ends_with(0);
    let resumed =
        checkout.codeflow(&["schedule", "resume", "nightly", "--format", "json"]).ends_with(0).json();

    assert_eq!(one.stdout.matches("paused").count(), 1, "{one:#?}");
    assert_eq!(both.stdout.matches("paused").count(), 2, "{both:#?}");
    assert!(resumed.as_array().expect("a list").iter().all(|row| row["enabled"] == true), "{resumed}");
}

#[test]
fn what_is_not_there_is_not_found() {
    let checkout = Checkout::folder();

    let list = checkout.codeflow(&["schedule", "list"]).ends_with(0);
    let unknown = checkout.codeflow(&["schedule", "pause", "nightly"]).ends_with(2);
    let id = checkout.codeflow(&["schedule", "next", &format!("sched_{}", "0".repeat(32))]).ends_with(2);
    let nonsense = checkout.codeflow(&["schedule", "pause", "no such"]).ends_with(2);

    assert!(list.stderr.contains("no schedules"), "{list:#?}");
    assert!(unknown.stderr.contains("workflow `nightly` has no schedules"), "{unknown:#?}");
    assert!(id.stderr.contains("engine.not_found"), "{id:#?}");
    assert!(nonsense.stderr.contains("is not a name"), "{nonsense:#?}");
}

#[test]
fn a_wrong_document_is_refused_and_nothing_is_kept() {
    let checkout = Checkout::folder();
    checkout.write("wrong.yaml", &NIGHTLY.replace("0 0 1 1 *", "0 0 30 2 *"));

    let refused = checkout.codeflow(&["schedule", "add", "wrong.yaml"]).ends_with(2);
    let list = checkout.codeflow(&["schedule", "list"]).ends_with(0);

    assert!(refused.stderr.contains("no year has such a day"), "{refused:#?}");
    assert_eq!(list.stdout, "");
}

#[test]
fn validation_shows_the_next_times() {
    let checkout = Checkout::folder();
    checkout.write("nightly.yaml", NIGHTLY);

    let valid = checkout.codeflow(&["workflow", "validate", "nightly.yaml"]).ends_with(0);

    let yearly = valid.stdout.lines().find(|line| line.contains("0 0 1 1 * UTC")).expect("it is shown");
    assert_eq!(yearly.matches("-01-01 00:00:00 +00:00").count(), 3, "{valid:#?}");
}

#[test]
fn an_engine_at_work_fires_what_is_due() {
    let checkout = Checkout::folder();
    checkout.write("often.yaml", &NIGHTLY.replace("30 2 * * *", "* * * * * *").replace("nightly", "often"));
    checkout.write("long.yaml", "version: 1\nname: long\nsteps: { rest: { sleep: 3s } }\n");
    checkout.codeflow(&["schedule", "add", "often.yaml"]).ends_with(0);

    checkout.codeflow(&["run", "long.yaml"]).ends_with(0);

    let started = checkout.codeflow(&["execution", "list", "--workflow", "often", "--format", "json"]);
    let started = started.ends_with(0).json().as_array().expect("a list").len();
    assert!((2..=5).contains(&started), "{started} executions in three seconds");
}
