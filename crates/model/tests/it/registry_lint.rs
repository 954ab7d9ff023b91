//! Lints: each finds what it is for, on an entry made for it.

use chrono::NaiveDate;
use codeflow_model::{Finding, Lint, Overrides, Registry};
use serde_json::{Value, json};

fn loaded(entries: Value) -> Registry {
    let overrides: Overrides = serde_json::from_value(entries).expect("they are an object");
    Registry::builtin().with(&overrides).expect("the entries are well formed")
}

/// What is odd about `acme/it`, and not excused.
fn odd(fields: Value) -> Vec<Lint> {
    let registry = loaded(json!({ "acme/it": fields }));
    let ours = registry.findings().iter().filter(|finding| finding.model == "acme/it");
    ours.filter(|finding| finding.excuse.is_none()).map(|finding| finding.lint).collect()
}

#[test]
fn an_ordinary_entry_is_not_odd() {
    let it = json!({ "context": 2000, "max_output": 1000, "prices": { "input": 1, "output": 2, "cache_read": 0.1 } });

    assert_eq!(odd(it), []);
}

#[test]
fn each_lint_finds_what_it_is_for() {
    let prices = json!({ "input": 1, "output": 2 });
    for (lint, fields) in [
        (Lint::ZeroPrice, json!({ "context": 9, "prices": { "input": 0, "output": 2 } })),
        (Lint::NoPrice, json!({ "context": 9 })),
        (Lint::NoPrice, json!({ "context": 9, "prices": { "input": 1 } })),
        (Lint::SwappedPrices, json!({ "context": 9, "prices": { "input": 2, "output": 1 } })),
        (
            Lint::SwappedPrices,
            json!({ "context": 9, "prices": { "input": 1, "output": 2, "cache_read": 1.5 } }),
        ),
        (
            Lint::CheaperLongPrompt,
            json!({ "context": 9, "prices": { "input": 1, "output": 2, "long": { "from_tokens": 5, "input": 0.5 } } }),
        ),
        (Lint::NoContext, json!({ "prices": prices })),
        (Lint::SwappedLimits, json!({ "context": 9, "max_output": 10, "prices": prices })),
        (Lint::EqualLimits, json!({ "context": 9, "max_output": 9, "prices": prices })),
        (
            Lint::PastDeprecation,
            json!({ "context": 9, "prices": prices, "deprecated": "2026-11-20", "successor": "other" }),
        ),
        (Lint::NoSuccessor, json!({ "retired": true })),
        (Lint::NoSuccessor, json!({ "context": 9, "prices": prices, "deprecated": "2030-01-01" })),
        (Lint::BadSuccessor, json!({ "retired": true, "successor": "nobody" })),
        (Lint::BadSuccessor, json!({ "retired": true, "successor": "it" })),
        (
            Lint::IdleExcuse,
            json!({ "context": 9, "prices": prices, "excused": { "tenfold": "once it was" } }),
        ),
    ] {
        let found = odd(fields.clone());

        assert!(found.contains(&lint), "{lint:?} for {fields}: {found:?}");
    }
}

#[test]
fn an_embedding_needs_no_price_for_answers() {
    assert_eq!(odd(json!({ "kind": "embedding", "context": 9, "prices": { "input": 1 } })), []);
}

#[test]
fn a_tenfold_price_of_the_same_model_elsewhere_is_odd() {
    let registry = loaded(json!({
        "acme/eu.acme.claude-haiku-4-5-20251001-v1:0":
            { "context": 9, "prices": { "input": 10, "output": 50 } },
        "acme/claude-sonnet-5": { "context": 9, "prices": { "input": 19.9, "output": 99 } },
    }));

    let jumps: Vec<&Finding> =
        registry.findings().iter().filter(|finding| finding.lint == Lint::Tenfold).collect();

    assert_eq!(jumps.len(), 1, "{jumps:#?}");
    assert_eq!(jumps[0].model, "acme/eu.acme.claude-haiku-4-5-20251001-v1:0");
    assert!(jumps[0].to_string().ends_with("differ tenfold [tenfold]"), "{}", jumps[0]);
}

#[test]
fn a_successor_at_a_tenth_of_the_price_or_ten_times_it_is_odd() {
    let it = |price: Value| {
        json!({
            "context": 9, "deprecated": "2030-01-01", "successor": "next",
            "prices": { "input": price, "output": price },
        })
    };
    let next = json!({ "context": 9, "prices": { "input": 1, "output": 1 } });
    let jumps = |price: Value| {
        let registry = loaded(json!({ "acme/it": it(price), "acme/next": next }));
        registry.findings().iter().any(|finding| finding.lint == Lint::Tenfold)
    };

    assert!(jumps(json!(10)));
    assert!(jumps(json!(0.1)));
    assert!(!jumps(json!(9.9)));
    assert!(!jumps(json!(0.11)));
}

#[test]
fn an_excuse_is_told_with_the_finding() {
    let registry =
        loaded(json!({ "acme/it": { "context": 9, "excused": { "no_price": "nobody knows it" } } }));

    let finding = registry.findings().iter().find(|finding| finding.model == "acme/it").expect("it is odd");
    assert_eq!(finding.excuse.as_deref(), Some("nobody knows it"));
}

#[test]
fn what_ends_is_served_until_the_day_before() {
    let registry = Registry::builtin();
    let entry = registry.find("claude-sonnet-4-5").expect("it is known");
    let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).expect("there is such a day");

    assert!(entry.is_served(day(29)));
    assert!(!entry.is_served(day(30)));
    let late = registry.lint(day(30));
    let late: Vec<&Finding> = late.iter().filter(|finding| finding.lint == Lint::PastDeprecation).collect();
    assert_eq!(late.len(), 1, "{late:#?}");
    assert_eq!(late[0].model, "anthropic/claude-sonnet-4-5");
}

#[test]
fn every_lint_has_the_name_that_documents_use() {
    for lint in [
        Lint::ZeroPrice,
        Lint::NoPrice,
        Lint::SwappedPrices,
        Lint::CheaperLongPrompt,
        Lint::Tenfold,
        Lint::NoContext,
        Lint::SwappedLimits,
        Lint::EqualLimits,
        Lint::PastDeprecation,
        Lint::NoSuccessor,
        Lint::BadSuccessor,
        Lint::IdleExcuse,
    ] {
        assert_eq!(serde_json::to_value(lint).expect("it is text"), lint.name());
    }
}
