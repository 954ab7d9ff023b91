//! A hundred broken documents: each is refused at a place, with a fitting code, quickly, and without a panic.

mod generated;
mod written;

use std::time::{Duration, Instant};

use codeflow_core::NoActions;
use codeflow_core::workflow::parse;

/// A broken document, the code that must be among its problems, and the line that it must be on.
pub(super) struct Case {
    code: &'static str,
    line: usize,
    text: String,
}

fn check(cases: &[Case]) {
    let wrong: Vec<String> = cases.iter().filter_map(verdict).collect();

    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with how a case is answered.
fn verdict(Case { code, line, text }: &Case) -> Option<String> {
    let start = Instant::now();
    let outcome = parse(text, &NoActions);
    let spent = start.elapsed();

    let shown: String = text.chars().take(150).flat_map(char::escape_debug).collect();
    let Err(problems) = outcome else { return Some(format!("no problem was found in\n{shown}")) };
    let found = problems.iter().any(|problem| problem.code == *code && problem.location.line == *line);
    let placed = problems.iter().all(|problem| problem.location.column > 0 && !problem.message.is_empty());
    let fast = spent < Duration::from_secs(1);
    let answer: String = problems.to_string().chars().take(500).collect();
    let reason = format!(
        "expected {code} on line {line} within a second, after {spent:?} found\n{answer}\nin\n{shown}"
    );
    (!(found && placed && fast)).then_some(reason)
}

#[test]
fn documents_that_are_not_our_yaml_are_refused_where_they_break() {
    check(&written::documents());
}

#[test]
fn keys_of_a_document_are_refused_where_they_stand() {
    check(&written::top_levels());
}

#[test]
fn steps_are_refused_where_they_are_wrong() {
    check(&written::steps());
}

#[test]
fn calls_and_compensation_are_refused_where_they_are_wrong() {
    check(&written::calls_and_compensation());
}

#[test]
fn documents_made_to_exhaust_the_parser_are_refused_quickly() {
    check(&generated::documents());
}

#[test]
fn there_are_a_hundred_of_them() {
    let written = written::documents().len() + written::top_levels().len() + written::steps().len();

    assert!(written + generated::documents().len() >= 100);
}
