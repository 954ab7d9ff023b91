//! Random sources: none of them ends in a panic, whatever it is made of.

use std::sync::LazyLock;

use codeflow_expr::{Expression, Template};
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{collection, sample};
use serde_json::{Value, json};

static SCOPE: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "n": 7, "s": "some text", "d": -0.5, "l": [1, "a", null, [2], {"k": 1}], "m": {"a": 1, "b": [true]},
        "u": u64::MAX, "i": i64::MIN, "z": null,
    })
});

/// Parts of which an expression may be made.
const PARTS: &[&str] = &[
    "n",
    "s",
    "d",
    "l",
    "m",
    "u",
    "i",
    "z",
    "x",
    "1",
    "0",
    "2u",
    "1.5",
    "-1",
    "'a'",
    "\"\"",
    "b'a'",
    "r'\\'",
    "true",
    "null",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    ".",
    ",",
    ":",
    "?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "!",
    "&&",
    "||",
    "==",
    "!=",
    "<",
    ">=",
    " in ",
    "m.a",
    "m['b']",
    "l[0]",
    "l.map(x, ",
    "l.exists(x, ",
    "has(m.",
    ".size()",
    "size(",
    "string(",
    "int(",
    "timestamp(",
    "duration(",
    "type(",
    ".matches(",
    ".contains(",
    ".filter(x, ",
    "'2024-01-01T00:00:00Z'",
    "'1h'",
    "dyn(",
    ".getHours(",
    "${{",
    "}}",
    "//",
    "\n",
    "é",
];

/// Expressions of which parts are cut out and put elsewhere.
const VALID: &[&str] = &[
    "n > 1 && s.startsWith('some') || !(d < 0.0)",
    "l.filter(x, type(x) == int).map(x, x + n).size() == 1",
    "m.map(k, m[k]) == [1, [true]] ? [s] : l + [u, i, z]",
    "{'a': l[n - 6], 'b': {'c': has(m.a) && 'a' in m}}",
    "string(timestamp('2024-01-01T00:00:00Z') + duration('1h')) + s",
    "l.exists(x, x in l && l.all(y, y == x || s.matches('^[a-z ]+$')))",
    "i / -1 + i % -1 - i * n",
];

fn survives(text: &str) {
    if let Ok(expression) = Expression::parse(text) {
        let _ = expression.evaluate(&*SCOPE);
        let _ = expression.estimated_cost(&*SCOPE);
        for reference in expression.references() {
            assert!(text.is_char_boundary(reference.offset), "{text}");
        }
    }
    if let Ok(template) = Template::parse_str(text) {
        let _ = template.render(&*SCOPE);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survives(&text);
        survives(&format!("${{{{ {text} }}}}"));
    }

    #[test]
    fn any_row_of_parts_is_survived(parts in collection::vec(sample::select(PARTS), 0..30)) {
        survives(&parts.concat());
    }

    #[test]
    fn any_mutation_of_a_valid_expression_is_survived(
        valid in sample::select(VALID),
        other in sample::select(VALID),
        part in sample::select(PARTS),
        (cut, length, at) in (any::<sample::Index>(), 0..12_usize, any::<sample::Index>()),
    ) {
        let cut = cut.index(valid.len());
        let end = (cut + length).min(valid.len());
        let at = at.index(other.len());
        survives(&format!("{}{part}{}", &valid[..cut], &valid[end..]));
        survives(&format!("{}{}{}", &other[..at], &valid[cut..end], &other[at..]));
        survives(&format!("{}({valid}){}", &other[..at], &other[at..]));
    }
}
