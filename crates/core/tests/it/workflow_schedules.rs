//! The schedules of a workflow document, and what the parser says about wrong ones.

use codeflow_core::NoActions;
use codeflow_core::schedule::{CatchUp, Overlap, Schedule};
use codeflow_core::workflow::{json_schema, parse};
use serde_json::{Value, json};

fn document(on: &str) -> String {
    format!("version: 1\nname: w\non: {on}\nsteps: {{ a: {{ sleep: 1s }} }}\n")
}

fn schedules(on: &str) -> Vec<Schedule> {
    parse(&document(on), &NoActions).expect("the document is good").schedules
}

/// Each problem as `line:column code: message (hint)`.
fn problems(on: &str) -> Vec<String> {
    let problems = parse(&document(on), &NoActions).expect_err("the document is wrong");
    let text = problems.iter().map(|problem| {
        format!("{} {}: {} ({})", problem.location, problem.code, problem.message, problem.hint)
    });
    text.collect()
}

#[test]
fn a_schedule_is_read_with_all_its_keys() {
    let on = "{ schedule: { cron: '0  6 * * 1-5', timezone: Europe/Berlin, catch_up: { all: 7 }, overlap: replace } }";

    let found = schedules(on);

    assert_eq!(found.len(), 1);
    assert_eq!(found[0].cron.to_string(), "0 6 * * 1-5");
    assert_eq!(found[0].timezone.to_string(), "Europe/Berlin");
    assert_eq!((found[0].catch_up, found[0].overlap), (CatchUp::All { limit: 7 }, Overlap::Replace));
}

#[test]
fn what_is_not_said_is_utc_without_catching_up_or_overlapping() {
    let found = schedules("{ schedule: { cron: '0 6 * * *' } }");

    assert_eq!(found[0].timezone.to_string(), "UTC");
    assert_eq!((found[0].catch_up, found[0].overlap), (CatchUp::None, Overlap::Skip));
}

#[test]
fn there_may_be_several() {
    let found = schedules(
        "{ manual: {}, schedule: [{ cron: '0 6 * * *' }, { cron: '0 6 * * *', timezone: Asia/Tokyo }] }",
    );

    assert_eq!(found.len(), 2);
    assert_eq!(found[1].timezone.to_string(), "Asia/Tokyo");
}

#[test]
fn other_triggers_make_no_schedules() {
    assert_eq!(schedules("[manual, push]"), []);
    assert_eq!(schedules("manual"), []);
}

#[test]
fn every_wrong_part_is_reported_where_it_stands() {
    let on = "{ schedule: { cron: '0 0 30 2 *', timezone: Europe/Belin, catch_up: lates, overlap: both, every: day } }";

    assert_eq!(
        problems(on),
        [
            "3:25 workflow.bad_value: `0 0 30 2 *` is not a cron expression: no year has such a day (choose a day that the month has, such as `L` for its last one)",
            "3:49 workflow.bad_value: there is no time zone `Europe/Belin` (did you mean `Europe/Berlin`?)",
            "3:73 workflow.bad_value: `lates` is not one of `none`, `latest`, `all` (did you mean `latest`?)",
            "3:89 workflow.bad_value: `both` is not one of `allow`, `skip`, `replace` ()",
            "3:95 workflow.unknown_key: `every` is not a key of `schedule` (its keys are `cron`, `timezone`, `catch_up`, `overlap`)",
        ]
    );
}

#[test]
fn a_schedule_needs_its_times() {
    let hint = "(write `on: { schedule: { cron: \"0 6 * * 1-5\" } }`)";
    let missing =
        |at: &str| vec![format!("{at} workflow.missing_key: `schedule` needs the key `cron` {hint}")];

    assert_eq!(problems("schedule"), missing("3:5"));
    assert_eq!(problems("[manual, schedule]"), missing("3:14"));
    assert_eq!(problems("{ schedule: }"), missing("3:7"));
    assert_eq!(problems("{ schedule: [] }"), missing("3:17"));
    assert!(
        problems("{ schedule: {} }")[0]
            .starts_with("3:17 workflow.missing_key: `schedule` needs the key `cron`")
    );
}

#[test]
fn the_same_times_twice_are_a_conflict() {
    let on = "{ schedule: [{ cron: '0 6 * * *' }, { cron: '0  6 * * *', overlap: allow }] }";

    assert_eq!(problems(on), ["3:41 workflow.conflict: `0 6 * * *` is there twice (leave one of them out)"]);
}

#[test]
fn a_limit_is_bounded() {
    let wrong = problems("{ schedule: { cron: '0 6 * * *', catch_up: { all: 1001 } } }");
    let many = format!("{{ schedule: [{}] }}", "{ cron: '0 6 * * *' }, ".repeat(21));

    assert_eq!(wrong, ["3:55 workflow.limit: 1001 is not a whole number from 1 to 1000 ()"]);
    assert!(problems(&many)[0].contains("workflow.limit: 21 schedules are more than 20"));
}

#[test]
fn an_input_without_a_default_cannot_be_given_by_a_schedule() {
    let on = "{ schedule: { cron: '0 6 * * *' } }\ninputs: { a: { type: string }, b: { type: string, default: x } }";

    assert_eq!(
        problems(on),
        [
            "3:17 workflow.conflict: a schedule cannot give the input `a`, which has no default (give the input a default)"
        ]
    );
}

#[test]
fn the_schema_agrees_about_schedules() {
    let validator = jsonschema::validator_for(&json_schema()).expect("the schema is one");
    let document =
        |on: Value| json!({ "version": 1, "name": "w", "on": on, "steps": { "a": { "sleep": "1s" } } });
    let agree = |on: Value| {
        let document = document(on);
        let parsed = parse(&document.to_string(), &NoActions).is_ok();
        assert_eq!(validator.is_valid(&document), parsed, "{document}");
        parsed
    };
    let cron = "0 6 * * *";

    assert!(agree(json!({ "schedule": { "cron": cron, "catch_up": "all", "overlap": "allow" } })));
    assert!(agree(json!({ "schedule": [{ "cron": cron, "catch_up": { "all": 1 } }] })));
    for wrong in [
        json!({}),
        json!([]),
        json!(null),
        json!({ "cron": 5 }),
        json!({ "cron": cron, "catch_up": { "all": 0 } }),
    ] {
        assert!(!agree(json!({ "schedule": wrong })));
    }
    assert!(!agree(json!("schedule")));
    assert!(!agree(json!(["manual", "schedule"])));
}
