//! What an expression reads, and what it makes of it.

use codeflow_expr::{ErrorKind, Expression};
use serde_json::{Value, json};

fn scope() -> Value {
    json!({
        "inputs": {"limit": 50, "which": "risk", "dry-run": false},
        "steps": {
            "risk": {"outputs": {"score": 72, "level": "high", "reasons": ["size", "spread"], "share": 0.5, "none": null}},
            "scan": {"outputs": {"findings": [
                {"severity": "high", "path": "src/lib.rs", "lines": [3, 4]},
                {"severity": "low", "path": "docs/a.md", "lines": []},
            ]}},
            "dash-ed": {"outputs": {"ok": true}},
        },
        "big": 18_446_744_073_709_551_615_u64,
        "small": i64::MIN,
    })
}

fn evaluate(source: &str) -> Value {
    let answer = Expression::parse(source).and_then(|expression| expression.evaluate(&scope()));
    answer.expect(source)
}

fn refusal(source: &str) -> (ErrorKind, String) {
    let error =
        Expression::parse(source).and_then(|expression| expression.evaluate(&scope())).expect_err(source);
    (error.kind(), error.to_string())
}

#[test]
fn a_condition_compares_what_steps_put_out() {
    for (source, answer) in [
        ("steps.risk.outputs.score > inputs.limit", true),
        ("steps.risk.outputs.score > 50 && steps.risk.outputs.level == 'low'", false),
        ("steps.risk.outputs.level in ['high', 'critical']", true),
        ("steps.scan.outputs.findings.exists(f, f.severity == 'high')", true),
        ("steps.scan.outputs.findings.all(f, f.path.startsWith('src/'))", false),
        ("steps.scan.outputs.findings.exists_one(f, size(f.lines) == 2)", true),
        ("size(steps.scan.outputs.findings) == 2", true),
        ("steps['dash-ed'].outputs.ok", true),
        ("!inputs['dry-run']", true),
        ("steps[inputs.which].outputs.score == 72", true),
        ("steps.risk.outputs.none == null", true),
        ("steps.risk.outputs.score >= 72 ? true : false", true),
    ] {
        let expression = Expression::parse(source).unwrap();

        assert_eq!(expression.test(&scope()), Ok(answer), "{source}");
    }
}

#[test]
fn a_condition_that_is_no_bool_names_what_it_is() {
    for (source, what) in [
        ("1 + 1", "an int"),
        ("0.5", "a double"),
        ("'a'", "a string"),
        ("null", "null"),
        ("[1]", "a list"),
        ("{'a': 1}", "a map"),
    ] {
        let error = Expression::parse(source).unwrap().test(&scope()).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Type);
        assert_eq!(error.message(), format!("a condition must be a bool, this is {what}"));
    }
}

#[test]
fn numbers_keep_their_sort() {
    for (source, text) in [
        ("steps.risk.outputs.score", "72"),
        ("steps.risk.outputs.score + 1", "73"),
        ("steps.risk.outputs.share", "0.5"),
        ("steps.risk.outputs.share * 2.0", "1.0"),
        ("[big, small]", "[18446744073709551615,-9223372036854775808]"),
        ("big - 1u", "18446744073709551614"),
        ("{'a': 1, 'b': [1.0, 2u]}", r#"{"a":1,"b":[1.0,2]}"#),
        ("{1: 'a', true: 'b', 2u: 'c'}", r#"{"1":"a","2":"c","true":"b"}"#),
    ] {
        assert_eq!(evaluate(source).to_string(), text, "{source}");
    }
}

#[test]
fn lists_and_objects_are_equal_whether_lent_or_computed() {
    for source in [
        "steps.risk.outputs.reasons == ['size', 'spread']",
        "['size', 'spread'] == steps.risk.outputs.reasons",
        "steps.scan.outputs.findings[1] == {'severity': 'low', 'path': 'docs/a.md', 'lines': []}",
        "{'severity': 'low', 'path': 'docs/a.md', 'lines': []} == steps.scan.outputs.findings[1]",
        "[steps.risk.outputs.reasons] == [['size', 'spread']]",
        "steps.risk.outputs != {'score': 72}",
        "steps.risk.outputs.reasons != ['size']",
        "steps.risk.outputs.reasons != ['size', 'other']",
        "{'a': 1} != {'b': 1}",
        "steps.risk == steps.risk",
        "['size', 'spread'] in [steps.risk.outputs.reasons]",
        "steps.scan.outputs.findings[1] in steps.scan.outputs.findings",
        "!({'severity': 'low'} in steps.scan.outputs.findings)",
        "'score' in steps.risk.outputs",
        "!('scores' in steps.risk.outputs)",
        "'a' in {'a': 1}",
        "steps.risk.outputs.reasons + ['more'] == ['size', 'spread', 'more']",
        "['more'] + steps.risk.outputs.reasons == ['more', 'size', 'spread']",
        "1 == 1.0 && 1u == 1",
        "steps.risk.outputs.reasons != 'size'",
    ] {
        assert_eq!(evaluate(source), json!(true), "{source}");
    }
}

#[test]
fn a_loop_over_an_object_sees_its_keys() {
    let keys = evaluate("steps.risk.outputs.filter(key, key.startsWith('s'))");

    assert_eq!(keys, json!(["score", "share"]));
}

#[test]
fn loops_make_new_lists() {
    let lines = evaluate("steps.scan.outputs.findings.map(f, f.lines.map(line, line * 10))");
    let paths = evaluate("steps.scan.outputs.findings.map(f, f.severity == 'high', f.path)");

    assert_eq!(lines, json!([[30, 40], []]));
    assert_eq!(paths, json!(["src/lib.rs"]));
}

#[test]
fn a_missing_key_says_where_the_path_ended_and_what_is_there() {
    for (source, message) in [
        (
            "steps.risk.outputs.scores",
            "steps.risk.outputs.scores is not there: 'outputs' has no 'scores'; it has: level, none, reasons, score, share",
        ),
        (
            "steps.risk.outputs.level.x > 1",
            "steps.risk.outputs.level.x is not there: 'level' has no 'x'; it is a string",
        ),
        (
            "steps.none.outputs",
            "steps.none.outputs is not there: 'steps' has no 'none'; it has: dash-ed, risk, scan",
        ),
        ("nowhere.a == 1", "nowhere.a is not there; there is: big, inputs, small, steps"),
        (
            "steps.risk.outputs.reasons[7]",
            "steps.risk.outputs.reasons[7] is not there: 'reasons' has no [7]; it is a list of 2",
        ),
        (
            "inputs['dry run']",
            "inputs[\"dry run\"] is not there: 'inputs' has no 'dry run'; it has: dry-run, limit, which",
        ),
        ("steps.scan.outputs.findings.map(f, f.nope)", "'nope' is not there"),
        ("steps.risk.outputs.reasons[inputs.limit]", "[50] is not there: the list ends before"),
    ] {
        assert_eq!(refusal(source), (ErrorKind::MissingKey, message.to_owned()), "{source}");
    }
}

#[test]
fn a_missing_key_is_found_in_the_source() {
    let expression = Expression::parse("inputs.limit > 1 &&\n steps.none.x").unwrap();

    let error = expression.evaluate(&scope()).unwrap_err();

    assert_eq!(error.offset(), Some(21));
}

#[test]
fn a_missing_key_does_no_harm_where_it_does_not_matter() {
    for source in [
        "true || steps.none.outputs.ok",
        "steps.none.outputs.ok || true",
        "!(steps.none.outputs.ok && false)",
        "true ? true : nowhere",
        "!has(steps.none.outputs.ok)",
        "!has(nowhere.a)",
        "has(steps.risk.outputs.score)",
        "has(steps.risk.outputs.none)",
        "steps.scan.outputs.findings.all(f, has(f.path) && !has(f.nope))",
        "!has(steps.none.outputs) || steps.none.outputs.ok",
    ] {
        assert_eq!(evaluate(source), json!(true), "{source}");
    }
}

#[test]
fn references_are_the_static_paths_in_the_order_of_the_source() {
    let source = "has(steps.a.outputs.x) && inputs['dry-run'] || steps[item.key].outputs.y == \
                  steps.b.list[0].z && steps.c.exists(f, f.ok && item.n == size(f.list)) && .index > 1";
    let expression = Expression::parse(source).unwrap();

    let found: Vec<_> = expression
        .references()
        .iter()
        .map(|reference| (reference.path.join("."), &source[reference.offset..reference.offset + 4]))
        .collect();

    assert_eq!(
        found,
        [
            ("steps.a.outputs.x".to_owned(), "step"),
            ("inputs.dry-run".to_owned(), "inpu"),
            ("steps".to_owned(), "step"),
            ("item.key".to_owned(), "item"),
            ("steps.b.list".to_owned(), "step"),
            ("steps.c".to_owned(), "step"),
            ("item.n".to_owned(), "item"),
            ("index".to_owned(), "inde"),
        ]
    );
    assert_eq!(expression.references()[2].offset, source.find("steps[").unwrap());
    assert_eq!(expression.references()[6].offset, source.find("item.n").unwrap());
}

#[test]
fn a_variable_of_a_loop_hides_a_root_of_the_same_name() {
    let expression =
        Expression::parse("[{'a': 1}].map(steps, steps.a) == [1] && steps.risk.outputs.score == 72").unwrap();

    assert_eq!(expression.test(&scope()), Ok(true));
    assert_eq!(expression.references().len(), 1);
}

#[test]
fn a_syntax_error_says_where_it_is() {
    for (source, offset) in [("1 +", 3), ("a\n&& )", 5), ("a = 1", 2), ("'abc", 0)] {
        let error = Expression::parse(source).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Syntax);
        assert_eq!(error.offset(), Some(offset), "{source}: {error}");
    }
}

#[test]
fn errors_name_types_and_operators_and_never_quote_values() {
    let source = "'a secret' + 1";

    assert_eq!(refusal(source), (ErrorKind::Type, "`+` does not apply to string and int".to_owned()));
    assert_eq!(refusal("1 < 'a'").1, "`<` does not apply to int and string");
    assert_eq!(refusal("size(1)").1, "`size` does not apply to int");
    assert_eq!(refusal("1 in 'a'").1, "`in` does not apply to int and string");
    assert_eq!(refusal("1.matches('a')").1, "`matches` does not apply to int and string");
    assert_eq!(refusal("9223372036854775807 + 1").1, "`+` overflows");
    assert_eq!(refusal("1 / 0").1, "division by zero");
    assert_eq!(
        refusal("timestamp('2024-01-01T00:00:00Z')").1,
        "a timestamp cannot be a result; use string(…) or int(…) on it"
    );
}

#[test]
fn equal_sources_are_equal_expressions() {
    let expression = Expression::parse("inputs.limit > 1").unwrap();

    assert_eq!(expression, Expression::parse("inputs.limit > 1").unwrap());
    assert_ne!(expression, Expression::parse("inputs.limit > 2").unwrap());
    assert_eq!(expression.source(), "inputs.limit > 1");
    assert_eq!(format!("{expression:?}"), "Expression(\"inputs.limit > 1\")");
}

#[test]
fn the_estimate_grows_with_the_inputs_and_not_with_what_is_merely_passed_through() {
    let list = |len: usize| json!({"items": vec![json!({"a": 1}); len]});
    let condition = Expression::parse("items.exists(x, x.a == 2)").unwrap();
    let passed = Expression::parse("items").unwrap();

    assert!(condition.estimated_cost(&list(10)) < condition.estimated_cost(&list(100)));
    let long = list(100_000);
    assert_eq!(condition.estimated_cost(&long), u64::MAX);
    assert_eq!(passed.estimated_cost(&long), 1);
}
