//! What errors of ours have in common, and lists of problems.

use std::collections::BTreeSet;

use codeflow_core::execution::Reason;
use codeflow_core::{ActionError, ActionErrorKind, Class, Coded, Location, Problem, Problems};
use proptest::prelude::prop;
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::json;

fn problem(line: usize, column: usize, code: &'static str) -> Problem {
    let message = format!("{code} at {line}");
    Problem { code, message, hint: String::new(), location: Location { line, column } }
}

#[test]
fn problems_are_never_empty_and_come_in_the_order_of_their_lines() {
    assert_eq!(Problems::new(vec![]), None);

    let problems =
        Problems::new(vec![problem(3, 1, "b"), problem(1, 9, "c"), problem(3, 1, "a"), problem(1, 2, "z")]);

    let order: Vec<_> = problems.as_ref().unwrap().iter().map(|p| (p.location.line, p.code)).collect();
    assert_eq!(order, [(1, "z"), (1, "c"), (3, "a"), (3, "b")]);
}

#[test]
fn problems_are_shown_one_a_line_with_their_hints() {
    let hinted = Problem { hint: "did you mean `needs`?".to_owned(), ..problem(4, 31, "workflow.x") };

    let problems = Problems::new(vec![problem(5, 1, "workflow.y"), hinted]).unwrap();

    assert_eq!(
        problems.to_string(),
        "4:31: workflow.x at 4 [workflow.x]\n  hint: did you mean `needs`?\n5:1: workflow.y at 5 [workflow.y]"
    );
    assert_eq!((problems.code(), problems.class()), ("workflow.invalid", Class::Invalid));
}

#[test]
fn a_problem_is_flat_in_json() {
    let problems = Problems::new(vec![problem(2, 3, "workflow.x")]).unwrap();

    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        json!([{ "code": "workflow.x", "message": "workflow.x at 2", "hint": "", "line": 2, "column": 3 }])
    );
}

#[test]
fn every_kind_of_action_error_has_a_code_of_its_own_and_reads_back_from_json() {
    let kinds = [
        ActionErrorKind::RateLimited,
        ActionErrorKind::Timeout,
        ActionErrorKind::Unavailable,
        ActionErrorKind::InvalidInput,
        ActionErrorKind::Denied,
        ActionErrorKind::Failed,
        ActionErrorKind::Cancelled,
        ActionErrorKind::Internal,
    ];

    let codes: BTreeSet<_> = kinds.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), kinds.len());
    for kind in kinds {
        let name = kind.code().strip_prefix("action.").unwrap();
        assert_eq!(serde_json::to_value(kind).unwrap(), name, "the code and the name in a document agree");
        assert_eq!(serde_json::from_value::<ActionErrorKind>(name.into()).unwrap(), kind);
    }
}

#[test]
fn an_action_error_shows_its_message_and_keeps_what_it_can_say() {
    let error = ActionError::new(ActionErrorKind::Denied, "two findings are high");
    assert_eq!((error.to_string(), error.code.as_str()), ("two findings are high".into(), "action.denied"));

    let exact = error.with_code("policy.denied").with_outputs(json!({ "verdict": "deny" }));
    let text = serde_json::to_string(&exact).unwrap();
    assert_eq!(serde_json::from_str::<ActionError>(&text).unwrap(), exact);
}

#[test]
fn every_reason_of_the_engine_has_a_code_of_its_own() {
    let reasons = [
        Reason::Blocked,
        Reason::Condition,
        Reason::NotBegun,
        Reason::Unexplained,
        Reason::TooManyItems,
        Reason::NotAList,
        Reason::ApprovalRefused,
        Reason::ApprovalExpired,
        Reason::WaitExpired,
        Reason::ExecutionCancelled,
        Reason::ExecutionTimedOut,
    ];

    let codes: BTreeSet<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes.len(), reasons.len());
    assert!(codes.iter().all(|code| code.starts_with("step.") || code.starts_with("execution.")));
}

proptest! {
    #[test]
    fn sorting_loses_no_problem(places in prop::collection::vec((1..50_usize, 1..50_usize), 1..30)) {
        let count = places.len();
        let problems = Problems::new(places.into_iter().map(|(l, c)| problem(l, c, "x")).collect()).unwrap();
        prop_assert_eq!(problems.iter().count(), count);
        prop_assert!(problems.iter().map(|p| p.location).is_sorted());
    }
}
