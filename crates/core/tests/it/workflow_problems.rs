//! What the parser says about a wrong document: where, with which code, and what to do.

use codeflow_core::workflow::{decode, parse};
use codeflow_core::{Class, Coded, NoActions, Problems};

fn problems(text: &str) -> Problems {
    parse(text, &NoActions).expect_err("the document is wrong")
}

/// Each problem as `line:column code`.
fn places(text: &str) -> Vec<String> {
    problems(text).iter().map(|problem| format!("{} {}", problem.location, problem.code)).collect()
}

/// Message and hint of the only problem.
fn only(text: &str) -> (String, String) {
    let problems = problems(text);
    let all: Vec<_> = problems.iter().collect();
    assert_eq!(all.len(), 1, "{problems}");
    (all[0].message.clone(), all[0].hint.clone())
}

fn steps(text: &str) -> String {
    format!("version: 1\nname: w\nsteps:\n{text}")
}

#[test]
fn every_problem_is_reported_at_once_and_in_order() {
    let text = "version: 2\nname: 7\ninput: {}\nsteps:\n  a: { uses: x/y, retry: { attempts: 99 } }\n  b: { needs: [c], uses: x/y, timeout: fast }\nbudget: []\n";

    assert_eq!(
        places(text),
        [
            "1:10 workflow.bad_value",
            "2:7 workflow.wrong_type",
            "3:1 workflow.unknown_key",
            "5:38 workflow.limit",
            "6:16 workflow.unknown_step",
            "6:40 workflow.bad_value",
            "7:9 workflow.wrong_type",
        ]
    );
}

#[test]
fn together_they_are_one_error_with_a_code_and_a_class() {
    let problems = problems("");

    assert_eq!(problems.code(), "workflow.invalid");
    assert_eq!(problems.class(), Class::Invalid);
    assert!(problems.to_string().starts_with("1:1: the document is empty [workflow.syntax]"), "{problems}");
}

#[test]
fn a_misspelt_key_comes_with_the_right_one() {
    let (message, hint) = only(&steps("  a: { uses: x/y, tiemout: 3m }"));

    assert_eq!(message, "`tiemout` is not a key of a step");
    assert_eq!(hint, "did you mean `timeout`?");
}

#[test]
fn a_key_that_resembles_none_comes_with_all_of_them() {
    let (_, hint) = only("version: 1\nname: w\nsteps: { a: { uses: x/y } }\nenvironment: {}");

    assert!(hint.starts_with("its keys are `version`, `name`, `steps`"), "{hint}");
}

#[test]
fn a_cycle_is_named_step_by_step() {
    let text = steps(
        "  a: { uses: x/y }\n  b: { uses: x/y, needs: [a, d] }\n  c: { uses: x/y, needs: [b] }\n  d: { uses: x/y, needs: [c] }\n",
    );

    let (message, _) = only(&text);

    assert_eq!(message, "steps need each other: b → d → c → b");
    assert_eq!(places(&text), ["5:30 workflow.cycle"]);
}

#[test]
fn two_cycles_are_both_reported_and_a_step_behind_one_is_unreachable() {
    let text = steps(
        "  a: { uses: x/y, needs: a }\n  b: { uses: x/y, needs: c }\n  c: { uses: x/y, needs: b }\n  d: { uses: x/y, needs: c }\n",
    );

    assert_eq!(places(&text), ["4:26 workflow.cycle", "5:26 workflow.cycle", "7:3 workflow.unreachable"]);
}

#[test]
fn a_bad_expression_is_placed_inside_its_text() {
    let inline = steps("  a: { uses: x/y, if: \"1 < 2 &&& true\" }");
    let template =
        steps("  a:\n    uses: x/y\n    with:\n      text: |\n        first\n        then ${{ 1 + * }}\n");

    let place = |text: &str| problems(text).iter().map(|problem| problem.location).next();

    let (inline, template) = (place(&inline).expect("one"), place(&template).expect("one"));
    assert_eq!(inline.line, 4);
    assert!((29..=32).contains(&inline.column), "{inline}");
    assert_eq!(template.line, 9);
    assert!((18..=24).contains(&template.column), "{template}");
}

#[test]
fn a_reference_to_a_step_that_is_not_before_says_what_to_add() {
    let text = steps("  a: { uses: x/y }\n  b: { uses: x/y, with: { v: \"${{ steps.a.outputs.x }}\" } }\n");

    let (message, hint) = only(&text);

    assert_eq!(message, "step `a` is not among the steps that must come before this one");
    assert_eq!(hint, "add `a` to `needs`");
    assert_eq!(places(&text), ["5:35 workflow.bad_reference"]);
}

#[test]
fn needs_of_needs_may_be_read() {
    let text = steps(
        "  a: { uses: x/y }\n  b: { uses: x/y, needs: a }\n  c: { uses: x/y, needs: b, if: \"steps.a.outputs.x == 1 && steps.b.status == 'succeeded'\" }\n",
    );

    assert!(parse(&text, &NoActions).is_ok());
}

#[test]
fn a_name_with_a_dash_without_brackets_is_explained() {
    let reading = |expression: &str| {
        steps(&format!(
            "  my-step: {{ uses: x/y }}\n  b: {{ uses: x/y, needs: my-step, if: '{expression} == 1' }}\n"
        ))
    };

    let (_, hint) = only(&reading("steps.my.outputs.x"));

    assert_eq!(hint, "write `steps[\"my-step\"]`: a name with `-` needs brackets and quotes");
    assert!(parse(&reading("steps[\"my-step\"].outputs.x"), &NoActions).is_ok());
}

#[test]
fn the_item_is_only_there_where_the_work_is_done() {
    let good = steps("  a: { uses: x/y, for_each: [1], with: { v: \"${{ item + index }}\" } }");
    let in_condition = steps("  a: { uses: x/y, for_each: [1], if: item == 1 }");
    let in_items = steps("  a: { uses: x/y, for_each: \"${{ item }}\" }");

    assert!(parse(&good, &NoActions).is_ok());
    assert_eq!(places(&in_condition), ["4:38 workflow.bad_reference"]);
    assert_eq!(places(&in_items), ["4:34 workflow.bad_reference"]);
}

#[test]
fn expressions_may_read_the_execution_and_name_types() {
    let good =
        steps("  a: { uses: x/y, if: \"execution.id != '' && type(1) == int && [1].exists(n, n == 1)\" }");
    let bad = steps("  a: { uses: x/y, if: \"execution.ids != ''\" }");

    parse(&good, &NoActions).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(only(&bad).1, "did you mean `id`?");
}

#[test]
fn a_repeated_step_gives_items_and_failed() {
    let reading = |output: &str| {
        steps(&format!(
            "  a: {{ uses: x/y, for_each: [1] }}\n  b: {{ uses: x/y, needs: a, if: steps.a.outputs.{output} == 1 }}\n"
        ))
    };

    assert!(parse(&reading("failed"), &NoActions).is_ok());
    assert_eq!(only(&reading("findings")).1, "its outputs are `failed`, `items`");
}

#[test]
fn what_waiting_steps_give_is_known() {
    let reading = |kind: &str, output: &str| {
        steps(&format!(
            "  a: {{ {kind} }}\n  b: {{ uses: x/y, needs: a, if: steps.a.outputs.{output} == 1 }}\n"
        ))
    };

    assert!(parse(&reading("approval: {}", "approved"), &NoActions).is_ok());
    assert!(parse(&reading("wait: { event: go }", "payload"), &NoActions).is_ok());
    assert_eq!(only(&reading("wait: { event: go }", "paylod")).1, "did you mean `payload`?");
    assert_eq!(only(&reading("sleep: 1s", "slept")).1, "it gives nothing");
}

#[test]
fn a_hint_never_repeats_what_could_drive_a_terminal() {
    let (message, _) = only("version: 1\nname: w\nsteps: { a: { uses: x/y } }\n\"\\e[31mred\": 1");

    assert!(message.starts_with("`\\u{1b}[31mred`"), "{message}");
}

#[test]
fn no_more_than_a_hundred_problems_are_listed_and_one_line_says_so() {
    let keys: String = (0..500).map(|i| format!("k{i}: 1\n")).collect();
    let problems = problems(&keys);

    let said = problems.iter().any(|problem| problem.message == "there may be more problems; 100 are shown");

    assert_eq!(problems.iter().count(), 101);
    assert!(said, "{problems}");
}

#[test]
fn bytes_that_are_not_text_are_refused_where_they_are() {
    let place = |bytes: &[u8]| {
        decode(bytes)
            .expect_err("not text")
            .iter()
            .map(|p| format!("{} {}", p.location, p.code))
            .collect::<Vec<_>>()
    };

    assert_eq!(place(b"version: 1\nname: \xc3\xa9\xff\n"), ["2:8 workflow.syntax"]);
    assert_eq!(place(&[b'a'; 2 * 1024 * 1024]), ["1:1 workflow.limit"]);
    assert_eq!(decode(b"version: 1"), Ok("version: 1"));
}

#[test]
fn columns_count_characters_and_lines_end_in_any_way() {
    let text =
        "version: 1\r\nname: w\rsteps:\n  a: { uses: x/y, with: { \"é\": \"ééé ${{ inputs.gone }}\" } }\n";

    assert_eq!(places(text), ["4:41 workflow.bad_reference"]);
}
