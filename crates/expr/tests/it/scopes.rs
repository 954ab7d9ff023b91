//! Scopes: what they lend, and that they lend it without copying.

use std::{borrow::Cow, cell::Cell};

use codeflow_expr::{ErrorKind, Expression, Node, Roots, Scope};
use serde_json::{Value, json};

/// The steps of a run, as an engine might hold them.
struct Steps {
    asked: Cell<usize>,
    risk: Step,
}

struct Step {
    outputs: Value,
}

impl Scope for Steps {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.asked.set(self.asked.get() + 1);
        (name == "risk").then_some(Node::Scope(&self.risk))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        vec!["risk".into()]
    }
}

impl Scope for Step {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        match name {
            "outputs" => Some(Node::from(&self.outputs)),
            "status" => Some(Node::from(json!("succeeded"))),
            "times" => Some(Node::from(json!({"started": [1, 2], "ended": 3}))),
            _ => None,
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        vec!["outputs".into(), "status".into()]
    }
}

fn steps() -> Steps {
    Steps { asked: Cell::new(0), risk: Step { outputs: json!({"score": 72}) } }
}

fn evaluate(source: &str, scope: &dyn Scope) -> Value {
    let answer = Expression::parse(source).and_then(|expression| expression.evaluate(scope));
    answer.expect(source)
}

#[test]
fn a_layered_scope_answers_paths_through_all_its_layers() {
    let steps = steps();
    let inputs = json!({"limit": 50});
    let scope = Roots::new().value("inputs", &inputs).scope("steps", &steps).value("index", json!(3));

    assert_eq!(evaluate("steps.risk.outputs.score > inputs.limit + index", &scope), json!(true));
    assert_eq!(evaluate("steps.risk.status", &scope), json!("succeeded"));
    assert_eq!(evaluate("steps.risk.times.started[1]", &scope), json!(2));
    assert_eq!(evaluate("has(steps.risk.status) && !has(steps.other.status)", &scope), json!(true));
}

#[test]
fn a_scope_is_copied_only_when_it_is_indexed_by_something_computed() {
    let steps = steps();
    let scope = Roots::new().scope("steps", &steps).value("which", json!("risk"));

    assert_eq!(evaluate("steps[which]", &scope), json!({"outputs": {"score": 72}, "status": "succeeded"}));
    assert_eq!(evaluate("steps.map(name, name)", &scope), json!(["risk"]));
}

#[test]
fn a_scope_is_asked_for_nothing_that_the_expression_does_not_name() {
    let steps = steps();
    let scope = Roots::new().scope("steps", &steps).value("index", json!(1));

    assert_eq!(evaluate("index + index * index", &scope), json!(2));
    assert_eq!(steps.asked.get(), 0);
    assert_eq!(evaluate("steps.risk.outputs.score + steps.risk.outputs.score", &scope), json!(144));
    assert_eq!(steps.asked.get(), 1);
}

#[test]
fn a_later_root_hides_an_earlier_one() {
    let outer = json!({"a": 1});
    let inner = json!({"a": 2});
    let scope = Roots::new().value("item", &outer).value("item", &inner);

    assert_eq!(evaluate("item.a", &scope), json!(2));
    assert_eq!(scope.names(), ["item"]);
}

#[test]
fn what_a_scope_lacks_is_said_with_what_it_has() {
    let steps = steps();
    let scope = Roots::new().scope("steps", &steps);

    let error = Expression::parse("steps.risk.output.score").unwrap().evaluate(&scope).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::MissingKey);
    assert_eq!(
        error.to_string(),
        "steps.risk.output.score is not there: 'risk' has no 'output'; it has: outputs, status"
    );
}

#[test]
fn a_value_that_is_no_object_offers_no_names() {
    let scope = json!([1, 2]);

    assert!(scope.names().is_empty());
    assert!(Expression::parse("a").unwrap().evaluate(&scope).is_err());
}

#[test]
fn a_scope_too_large_to_be_copied_is_refused() {
    let big = Step { outputs: json!(vec![1; 300_000]) };
    let scope = Roots::new().scope("step", &big).value("which", json!("status"));

    let error = Expression::parse("step[which]").unwrap().evaluate(&scope).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TooCostly);
    assert_eq!(evaluate("size(step.outputs)", &scope), json!(300_000));
}

#[test]
fn a_large_value_may_be_passed_through_and_tested_at_no_cost() {
    let large = json!({"diff": "x".repeat(16 << 20), "files": vec![json!({"path": "a"}); 20_000]});
    let scope = Roots::new().value("outputs", &large);

    assert_eq!(Expression::parse("outputs.diff").unwrap().estimated_cost(&scope), 1);
    assert_eq!(evaluate("outputs.diff", &scope).as_str().map(str::len), Some(16 << 20));
    let condition =
        Expression::parse("size(outputs.files) > 100 && outputs.files[19999].path == 'a'").unwrap();
    assert!(condition.estimated_cost(&scope) < 100);
    assert_eq!(condition.test(&scope), Ok(true));
}
