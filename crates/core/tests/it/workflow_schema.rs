//! The JSON Schema that editors use: it is the one in the documentation, and it agrees with the parser.

use codeflow_core::NoActions;
use codeflow_core::workflow::{json_schema, parse};
use serde_json::{Value, json};

fn accepts(document: &Value) -> bool {
    jsonschema::validator_for(&json_schema()).expect("the schema is one").is_valid(document)
}

/// A step's schema, from within the whole.
fn step_schema() -> Value {
    json_schema()["properties"]["steps"]["additionalProperties"].clone()
}

#[test]
fn the_schema_in_the_documentation_is_the_one_of_the_parser() {
    let kept: Value =
        serde_json::from_str(include_str!("../../../../docs/schema/workflow.schema.json")).expect("JSON");

    assert!(
        kept == json_schema(),
        "docs/schema/workflow.schema.json is out of date: `cargo run -p codeflow-cli -- workflow schema > docs/schema/workflow.schema.json`"
    );
}

#[test]
fn a_good_document_is_accepted() {
    let document = json!({
        "version": 1, "name": "w", "on": ["push"],
        "inputs": { "a": { "type": "list", "default": ["x"] } },
        "budget": { "usd": 0.4, "wall": "1h30m" },
        "steps": {
            "a": { "uses": "x/y", "with": { "v": 1 }, "retry": { "attempts": 3, "on": ["timeout"] } },
            "b": { "needs": "a", "approval": null },
            "c": { "needs": ["a", "b"], "wait": { "event": "go" }, "if": true },
            "d": { "uses": "x/y", "for_each": { "items": "${{ inputs.a }}", "parallel": 2 } },
            "e": { "run": ["ls", "-l"], "for_each": [1] },
            "f": { "run": { "command": ["ls"], "stdin": [1], "files": { "a": 1 }, "memory": "64 MiB", "output": 512,
                "network": false, "accept": [0, 1], "cpu": "3s", "processes": 3 } },
        },
    });

    assert!(accepts(&document));
    assert!(parse(&document.to_string(), &NoActions).is_ok());
}

#[test]
fn what_the_schema_refuses_the_parser_refuses_too() {
    let good = json!({ "version": 1, "name": "w", "steps": { "a": { "uses": "x/y" } } });
    let changes = [
        ("/version", json!(2)),
        ("/name", json!("not a name")),
        ("/steps", json!({})),
        ("/steps", json!([])),
        ("/steps/a", json!({})),
        ("/steps/a", json!({ "uses": "x/y", "run": ["ls"] })),
        ("/steps/a", json!({ "sleep": "1s", "with": {} })),
        ("/steps/a", json!({ "sleep": "1s", "for_each": [1] })),
        ("/steps/a", json!({ "run": { "stdin": "x" } })),
        ("/steps/a", json!({ "run": { "command": ["ls"], "shell": true } })),
        ("/steps/a", json!({ "run": { "command": ["ls"], "memory": "much" } })),
        ("/steps/a", json!({ "uses": "x/y", "unknown": 1 })),
        ("/steps/a", json!({ "uses": "x/y", "timeout": "soon" })),
        ("/steps/a", json!({ "uses": "x/y", "retry": { "attempts": 11 } })),
        ("/steps/a", json!({ "uses": "x/y", "on_error": "ignore" })),
        ("/steps/a", json!({ "uses": "x/y", "for_each": { "items": [1], "parallel": 65 } })),
        ("/steps/a/uses", json!("y")),
    ];

    assert!(accepts(&good));
    for (place, value) in changes {
        let mut document = good.clone();
        *document.pointer_mut(place).expect("a place of the document") = value;
        assert!(!accepts(&document), "the schema accepts {document}");
        assert!(parse(&document.to_string(), &NoActions).is_err(), "the parser accepts {document}");
    }
}

/// The names of a mapping's keys.
fn keys(schema: &Value) -> Vec<String> {
    schema["properties"].as_object().expect("keys").keys().cloned().collect()
}

#[test]
fn the_guide_explains_every_key() {
    let guide = include_str!("../../../../docs/guides/workflows.md");

    for key in keys(&json_schema()).into_iter().chain(keys(&step_schema())) {
        assert!(guide.contains(&format!("| `{key}")), "docs/guides/workflows.md lacks `{key}`");
    }
}

#[test]
fn every_key_of_the_schema_is_known_to_the_parser() {
    for key in keys(&json_schema()) {
        assert!(is_known(&format!("{key}: [[]]\n")), "{key}");
    }
    for key in keys(&step_schema()) {
        assert!(is_known(&format!("steps: {{ a: {{ {key}: [[]] }} }}\n")), "{key}");
    }
    assert!(!is_known("nonsense: 1\n"));
}

/// Whether the parser knows all the keys of a document, whatever it thinks of their values.
fn is_known(text: &str) -> bool {
    let problems = parse(text, &NoActions).expect_err("the document is incomplete");
    problems.iter().all(|problem| problem.code != "workflow.unknown_key")
}
