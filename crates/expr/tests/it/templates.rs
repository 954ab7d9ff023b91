//! Templates: what they keep, what they write, and how they report what is wrong.

use codeflow_expr::{Error, ErrorKind, Template};
use serde_json::{Value, json};

fn scope() -> Value {
    json!({
        "n": 7, "half": 0.5, "yes": true, "nothing": null, "name": "Ada",
        "items": [1, "two", null], "object": {"b": 1, "a": [2.0]},
    })
}

fn render(template: Value) -> Value {
    let template = Template::parse(&template).expect("it is a template");
    template.render(&scope()).expect("it can be rendered")
}

#[test]
fn a_string_that_is_one_expression_keeps_its_type() {
    let scope = scope();
    for (source, value) in [
        ("${{ n }}", &scope["n"]),
        ("${{half}}", &scope["half"]),
        ("${{  yes\n}}", &scope["yes"]),
        ("${{ nothing }}", &scope["nothing"]),
        ("${{ name }}", &scope["name"]),
        ("${{ items }}", &scope["items"]),
        ("${{ object }}", &scope["object"]),
        ("${{ n + 1 }}", &json!(8)),
    ] {
        assert_eq!(&render(json!(source)), value, "{source}");
    }
}

#[test]
fn a_text_has_results_written_into_it() {
    for (source, text) in [
        ("n=${{ n }}", "n=7"),
        ("${{ half }}|${{ yes }}", "0.5|true"),
        ("<${{ nothing }}>", "<>"),
        ("${{ name }}${{ name }}", "AdaAda"),
        (" ${{ items }}", " [1,\"two\",null]"),
        ("${{ object }}.", "{\"a\":[2.0],\"b\":1}."),
        ("a}}b", "a}}b"),
        ("${ n } {{ n }}", "${ n } {{ n }}"),
        ("", ""),
        ("é${{ name }}é", "éAdaé"),
    ] {
        assert_eq!(render(json!(source)), json!(text), "{source}");
    }
}

#[test]
fn two_dollars_mean_the_braces_literally() {
    for (source, text) in [
        ("$${{ n }}", "${{ n }}"),
        ("a $${{ n }} ${{ n }}", "a ${{ n }} 7"),
        ("$$${{ n }}", "$${{ n }}"),
        ("$ ${{ n }}", "$ 7"),
        ("$$", "$$"),
        ("$${{", "${{"),
    ] {
        assert_eq!(render(json!(source)), json!(text), "{source}");
    }
}

#[test]
fn braces_within_an_expression_do_not_end_it() {
    for (source, value) in [
        ("${{ '}}' }}", json!("}}")),
        ("${{ {'a': {'b': n}} }}", json!({"a": {"b": 7}})),
        ("${{ {'a': {'b': {}}}}}", json!({"a": {"b": {}}})),
        ("${{ \"\\\"}}\" }}", json!("\"}}")),
        ("${{ r'\\' }}", json!("\\")),
        ("${{ n // }} not yet\n}}", json!(7)),
    ] {
        assert_eq!(render(json!(source)), value, "{source}");
    }
}

#[test]
fn every_string_of_a_value_is_a_template_and_keys_are_not() {
    let template =
        json!({"a": ["${{ n }}", {"${{ n }}": "x${{ name }}"}], "b": 1, "c": null, "d": [true, 0.5]});

    assert_eq!(
        render(template),
        json!({"a": [7, {"${{ n }}": "xAda"}], "b": 1, "c": null, "d": [true, 0.5]})
    );
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let template = json!({
        "a/b": "${{ 1 + }}",
        "list": ["fine", "ok ${{ nope() }} and ${{ ) }}", "${{ open"],
        "~": {"deep": "${{}}"},
    });

    let errors = Template::parse(&template).unwrap_err();

    let found: Vec<_> =
        errors.iter().map(|error| (error.pointer.as_str(), error.offset, error.error.kind())).collect();
    assert_eq!(
        found,
        [
            ("/a~1b", 7, ErrorKind::Syntax),
            ("/list/1", 7, ErrorKind::UnknownFunction),
            ("/list/1", 25, ErrorKind::Syntax),
            ("/list/2", 3, ErrorKind::Syntax),
            ("/~0/deep", 3, ErrorKind::Syntax),
        ]
    );
    assert_eq!(errors[3].to_string(), "at /list/2: `${{` has no `}}`");
    assert_eq!(template.pointer(&errors[4].pointer), Some(&json!("${{}}")));
}

#[test]
fn a_single_text_reports_its_first_problem() {
    let error = Template::parse_str("a ${{ n. }}").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Syntax);
    assert_eq!(error.offset(), Some(8));
}

#[test]
fn a_failure_while_rendering_says_where_in_the_string() {
    let template = Template::parse_str("a ${{ n }} ${{ n + missing.x }}").unwrap();

    let error = template.render(&scope()).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::MissingKey);
    assert_eq!(error.offset(), Some(19));
}

#[test]
fn expressions_are_listed_with_their_places() {
    let template = json!({"a": "x ${{ n }} ${{name}}", "b": ["${{ items[n].x }}"]});
    let template = Template::parse(&template).unwrap();

    let listed: Vec<_> = template
        .expressions()
        .into_iter()
        .map(|found| (found.pointer, found.offset, found.expression.source()))
        .collect();

    assert_eq!(
        listed,
        [("/a".to_owned(), 6, "n"), ("/a".to_owned(), 14, "name"), ("/b/0".to_owned(), 4, "items[n].x"),]
    );
    let paths: Vec<_> = template.references().into_iter().map(|found| found.path.join(".")).collect();
    assert_eq!(paths, ["n", "name", "items", "n"]);
}

#[test]
fn the_budget_is_shared_by_all_expressions_of_a_template() {
    let scope = json!({"items": vec![1; 5_000]});
    let once = Template::parse(&json!("${{ items.map(x, x + 1) }}")).unwrap();
    let often = Template::parse(&json!(vec!["${{ items.map(x, x + 1) }}"; 100])).unwrap();

    assert!(once.render(&scope).is_ok());
    assert_eq!(often.render(&scope).unwrap_err().kind(), ErrorKind::TooCostly);
    assert!(often.estimated_cost(&scope) >= 100 * once.estimated_cost(&scope));
}

#[test]
fn a_template_keeps_what_it_was_made_of() {
    let value = json!({"a": "${{ n }}", "b": "$${{"});
    let template = Template::parse(&value).unwrap();

    assert_eq!(template.source(), &value);
    assert_eq!(template, template.clone());
    assert_ne!(template, Template::parse(&json!("${{ n }}")).unwrap());
}

#[test]
fn every_kind_of_error_has_a_page_named_after_its_code() {
    let kinds = [
        ErrorKind::Syntax,
        ErrorKind::TooLong,
        ErrorKind::TooDeep,
        ErrorKind::TooCostly,
        ErrorKind::UnknownFunction,
        ErrorKind::MissingKey,
        ErrorKind::Type,
        ErrorKind::Evaluation,
    ];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");

    for kind in kinds {
        let page = std::fs::read_to_string(format!("{folder}/{}.md", kind.code())).unwrap();
        assert!(page.starts_with(&format!("# {}\n", kind.code())), "{kind:?}");
    }
    let _: &dyn std::error::Error = &Template::parse_str("${{").unwrap_err() as &Error;
}
