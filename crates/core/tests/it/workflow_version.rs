//! Versions are named by what a document says.

use codeflow_core::NoActions;
use codeflow_core::workflow::parse;

const TEXT: &str = "version: 1\nname: w\ninputs: { a: { type: string, default: x }, b: { type: number, default: 0.5 } }\nsteps:\n  one: { uses: x/y, with: { p: 1, q: [a, b] } }\n  two: { uses: x/y }\n";

fn version(text: &str) -> String {
    parse(text, &NoActions).expect("a good document").version.to_string()
}

#[test]
fn the_version_of_a_document_never_changes() {
    assert_eq!(version(TEXT), "306d357b2edc258a0febe606e81eda01c28b9929285b396743613e186401de59");
}

#[test]
fn comments_formatting_and_the_order_of_keys_do_not_count() {
    let rewritten = "# the same\nname: \"w\"\nversion: 1\nsteps:\n  one:\n    with:\n      q:\n        - a\n        - 'b'\n      p: 1\n    uses: x/y # as before\n  two:\n    uses: x/y\ninputs:\n  b: { default: 0.50, type: number }\n  a: { default: x, type: string }\n";

    assert_eq!(version(TEXT), version(rewritten));
}

#[test]
fn values_and_the_order_of_steps_and_lists_count() {
    let changes = [
        ("p: 1", "p: 2"),
        ("p: 1", "p: '1'"),
        ("[a, b]", "[b, a]"),
        ("default: x", "default: y"),
        (
            "  one: { uses: x/y, with: { p: 1, q: [a, b] } }\n  two: { uses: x/y }\n",
            "  two: { uses: x/y }\n  one: { uses: x/y, with: { p: 1, q: [a, b] } }\n",
        ),
    ];

    for (from, to) in changes {
        assert_ne!(version(TEXT), version(&TEXT.replace(from, to)), "{from}");
    }
}
