//! Limits as plain data.

use codeflow_core::{Class, Coded};
use codeflow_ratelimit::{EndpointClass, ErrorKind, RuleBook, Rules};
use serde_json::json;

fn read(value: serde_json::Value) -> Result<Rules, serde_json::Error> {
    serde_json::from_value(value)
}

#[test]
fn rules_are_written_as_they_are_read() {
    let text = json!({
        "global": { "per_minute": 5000, "burst": 100 },
        "address": { "all": { "per_minute": 600 }, "classes": { "sign-in": { "per_minute": 10 } } },
        "tiers": { "premium": { "all": { "per_minute": 6000 } }, "anonymous": {} },
    });

    let rules = read(text.clone()).expect("it can be read");

    assert_eq!(rules.address.classes[&EndpointClass::SignIn].per_minute, 10);
    assert_eq!(serde_json::to_value(&rules).expect("it can be written"), text);
    assert!(rules.problems().is_empty());
}

#[test]
fn every_class_is_read_by_its_name() {
    for class in EndpointClass::ALL {
        assert_eq!(serde_json::to_value(class).expect("it can be written"), class.as_str());
    }
}

#[test]
fn what_is_unknown_is_refused() {
    for wrong in [
        json!({ "globl": null }),
        json!({ "address": { "classes": { "sign_in": { "per_minute": 1 } } } }),
        json!({ "global": { "per_minute": -1 } }),
        json!({ "global": { "per_minute": 1, "per_hour": 1 } }),
        json!({ "global": {} }),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let rules = read(json!({
        "global": { "per_minute": 0, "burst": 0 },
        "address": { "all": { "per_minute": 0 }, "classes": { "health": { "per_minute": 1 } } },
        "tiers": {
            "a b": {},
            "premium": { "classes": { "read": { "per_minute": 1, "burst": 0 } } },
        },
    }));

    let error = RuleBook::new(rules.expect("it can be read")).expect_err("much is wrong");

    let fields: Vec<&str> = error.problems().iter().map(|problem| problem.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "global.per_minute",
            "global.burst",
            "address.all.per_minute",
            "address.classes.health",
            "tiers",
            "tiers.premium.classes.read.burst",
        ]
    );
    assert_eq!(
        (error.kind(), error.code(), error.class()),
        (ErrorKind::InvalidRules, "limits.invalid_rules", Class::Invalid)
    );
    assert!(error.to_string().contains("`global.burst` must be at least 1"), "{error}");
}

#[test]
fn there_is_a_bound_on_tiers() {
    let tiers = (0..65).map(|number| (format!("tier-{number}"), Default::default())).collect();

    assert_eq!(Rules { tiers, ..Rules::default() }.problems().len(), 1);
}

#[test]
fn rules_that_make_no_sense_do_not_replace_others() {
    let rules = read(json!({ "global": { "per_minute": 7 } })).expect("it can be read");
    let book = RuleBook::new(rules.clone()).expect("it makes sense");

    let refused = book.replace(read(json!({ "global": { "per_minute": 0 } })).expect("it can be read"));

    assert!(refused.is_err());
    assert_eq!(book.rules(), rules);
    assert!(format!("{book:?}").contains("per_minute: 7"));
}

#[test]
fn every_kind_of_error_has_a_code_of_its_own() {
    let codes: std::collections::BTreeSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();

    assert_eq!(codes.len(), ErrorKind::ALL.len());
    let classes = ErrorKind::ALL.map(|kind| codeflow_ratelimit::Error::new(kind, "x").class());
    assert_eq!(classes, [Class::Invalid, Class::Conflict, Class::Unavailable, Class::Internal]);
}
