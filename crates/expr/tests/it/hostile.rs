//! Inputs that want to exhaust the stack, the memory or the time; each ends in an error, and soon.

use std::time::{Duration, Instant};

use codeflow_expr::{Error, ErrorKind, Expression, Template};
use serde_json::{Map, Value, json};

/// What the requirement allows; the work is meant to be ten times smaller.
const ALLOWED: Duration = Duration::from_millis(50);

/// How an input must end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Fails(ErrorKind),
    /// It is odd, and yet bounded and right.
    Answers,
}

use End::{Answers, Fails};
use ErrorKind::{Evaluation, MissingKey, Syntax, TooCostly, TooDeep, TooLong, Type, UnknownFunction};

/// Runs every input within the time, on a thread with a stack of half the usual size.
fn check(cases: Vec<(String, End)>, run: fn(&str) -> Result<Value, Error>) {
    inputs();
    let check = move || {
        let mut complaints = String::new();
        for (input, end) in &cases {
            let (result, took) = timed(|| run(input));
            let got = match &result {
                Ok(_) => Answers,
                Err(error) => Fails(error.kind()),
            };
            if got != *end || took > ALLOWED {
                let shown: String = input.chars().take(60).collect();
                let bytes = input.len();
                complaints += &format!(
                    "{shown} ({bytes} bytes): {result:.200?} in {took:?}
"
                );
            }
        }
        assert!(complaints.is_empty(), "\n{complaints}");
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(check).expect("a thread starts");
    thread.join().expect("every input ends as it should");
}

/// Times a call; a slow one gets two more chances, for the machine may have been busy elsewhere.
fn timed<T>(call: impl Fn() -> T) -> (T, Duration) {
    let attempt = || {
        let start = Instant::now();
        (call(), start.elapsed())
    };
    let (result, mut took) = attempt();
    for _ in 0..2 {
        if took > ALLOWED {
            took = took.min(attempt().1);
        }
    }
    (result, took)
}

fn evaluate(source: &str) -> Result<Value, Error> {
    Expression::parse(source)?.evaluate(inputs())
}

/// Large inputs, made once: making them is not what is measured.
fn inputs() -> &'static Value {
    static INPUTS: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| {
        let many: Vec<i64> = (0..10_000).collect();
        let objects: Vec<Value> = (0..10_000).map(|i| json!({"id": i, "tags": ["a", "b", "c"]})).collect();
        let wide: Map<String, Value> = (0..10_000).map(|i| (format!("key{i}"), json!(i))).collect();
        json!({
            "many": many,
            "objects": objects,
            "wide": wide,
            "long": "a".repeat(4 << 20),
            "text": "a".repeat(2_000),
            "n": 7,
        })
    });
    &INPUTS
}

/// Repeats a beginning and an end around a middle.
fn nest(open: &str, middle: &str, close: &str, times: usize) -> String {
    format!("{}{middle}{}", open.repeat(times), close.repeat(times))
}

const FAR: usize = 100_000;

#[test]
fn sources_of_any_length_that_nest_end_in_an_error() {
    let inputs = [
        "(", ")", "!", "-", "[", "]", "{", "}", "a.", "a[", "a?b:", "1+", "a&&", "a||", "f(", "[[],", "{1:",
        "'", "\"", "`", "\\", "${{", "}}", "\u{0}", "é", "\u{202e}", "//", "\n", "0x", "9", "1e", "a.map(x,",
        "r'", "b'''", "!-", "(-", "a in ", ",", "?", ":",
    ];
    let inputs = inputs.iter().map(|part| (part.repeat(FAR), Fails(TooLong)));

    check(inputs.collect(), evaluate);
}

#[test]
fn short_sources_that_nest_end_in_an_error() {
    let inputs = vec![
        (nest("(", "1", ")", 33), Fails(TooDeep)),
        (nest("(", "1", ")", 500), Fails(TooDeep)),
        (nest("[", "1", "]", 33), Fails(TooDeep)),
        (nest("{1:", "1", "}", 33), Fails(TooDeep)),
        (nest("size(", "1", ")", 33), Fails(TooDeep)),
        (nest("n[", "1", "]", 33), Fails(TooDeep)),
        ("(".repeat(1024), Fails(TooDeep)),
        ("!".repeat(1024), Fails(TooDeep)),
        ("-".repeat(1024), Fails(TooDeep)),
        ("!-".repeat(512), Fails(TooDeep)),
        (nest("(!", "true", ")", 33), Fails(TooDeep)),
        (format!("n{}", ".a".repeat(511)), Fails(TooDeep)),
        (format!("n{}", "[0]".repeat(340)), Fails(TooDeep)),
        (format!("n{}", ".size()".repeat(140)), Fails(TooDeep)),
        (format!("{}1", "true?1:".repeat(146)), Fails(TooDeep)),
        (format!("{}1", "1+".repeat(511)), Fails(TooDeep)),
        (format!("{}1", "1==".repeat(341)), Fails(TooDeep)),
        (format!("{}true", "true&&".repeat(170)), Fails(TooDeep)),
        (format!("{}true", "true||".repeat(170)), Fails(TooDeep)),
        (format!("{}1", "1<1&&1-".repeat(140)), Fails(TooDeep)),
        // A sum of 30 within brackets, within a sum of 30, and so on.
        (nest(&format!("({}", "1+".repeat(14)), "1", ")", 31), Answers),
        (nest("(true?", "1", ":2)", 32), Answers),
        ("[1].map(a, [1].map(b, [1].map(c, 1)))".to_owned(), Fails(TooDeep)),
        ("[1].exists(a, [1].all(b, [1].filter(c, true) == []))".to_owned(), Fails(TooDeep)),
        (format!("'{}' + \"{}\"", "(".repeat(200), "[".repeat(200)), Answers),
        (format!("'''{}\n{}'''", "(".repeat(200), "!".repeat(200)), Answers),
        (format!("r'{}\\'", "{".repeat(200)), Answers),
        (format!("size(b'{}')", "-".repeat(200)), Answers),
        (format!("1 // {}", "((((".repeat(200)), Answers),
        (format!("1 // '\n + {}", nest("(", "1", ")", 33)), Fails(TooDeep)),
        (format!("'\\'' + {}", nest("(", "'1'", ")", 33)), Fails(TooDeep)),
        (format!("r'\\' + {}", nest("(", "'1'", ")", 33)), Fails(TooDeep)),
        (format!("'''''' + {}", nest("(", "'1'", ")", 33)), Fails(TooDeep)),
    ];

    check(inputs, evaluate);
}

const NO_EXPRESSIONS: &[(&str, ErrorKind)] = &[
    ("", Syntax),
    (" ", Syntax),
    ("//", Syntax),
    ("'", Syntax),
    ("\"", Syntax),
    ("'''", Syntax),
    ("b'", Syntax),
    ("r\"\\\"x", Syntax),
    ("'a\\", Syntax),
    ("'\\q'", Syntax),
    ("'\\u{110000}'", Syntax),
    ("'\\ud800'", Syntax),
    ("b'\\400'", Syntax),
    ("\u{0}", Syntax),
    ("n\u{0}", Syntax),
    ("n \u{202e}> 1", Syntax),
    ("\u{feff}n", Syntax),
    ("ｎ > 1", Syntax),
    ("n = 1", Syntax),
    ("n & 1", Syntax),
    ("n |", Syntax),
    ("n.", Syntax),
    (".", Syntax),
    ("..", Syntax),
    ("n.1", Syntax),
    ("n.?a", Syntax),
    ("n[?0]", Syntax),
    ("[?n]", Syntax),
    ("{?'a': n}", Syntax),
    ("n.`a`", Syntax),
    ("`n`", Syntax),
    ("()", Syntax),
    ("(1", Syntax),
    ("1)", Syntax),
    ("[1,,2]", Syntax),
    ("{1}", Syntax),
    ("{1:}", Syntax),
    ("n ? 1", Syntax),
    ("n ? : 1", Syntax),
    ("1 2", Syntax),
    ("if n", Syntax),
    ("while", Syntax),
    ("99999999999999999999", Syntax),
    ("0xfffffffffffffffff", Syntax),
    ("-9223372036854775809", Syntax),
    ("1e999", Syntax),
    ("1e", Syntax),
    ("0x", Syntax),
    ("1a", Syntax),
    ("18446744073709551616u", Syntax),
    ("Message{field: 1}", Syntax),
    ("google.protobuf.Any{}", Syntax),
    ("has(n)", Syntax),
    ("has(1)", Syntax),
    ("[1].map(1, 1)", Syntax),
    ("[1].map(a.b, 1)", Syntax),
    ("n.matches('(')", Syntax),
    ("n.matches('(a{1000}){1000}')", Syntax),
    ("n.matches('((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9}')", Syntax),
    ("n.matches('\\\\p{L}{1000}')", Syntax),
    ("n.matches('(?=a)')", Syntax),
    ("n.matches('(a)\\\\1')", Syntax),
    ("nope()", UnknownFunction),
    ("n.nope()", UnknownFunction),
    ("_+_(1, 2)", UnknownFunction),
    ("@in(1, [1])", Syntax),
    ("__import__('os')", UnknownFunction),
    ("[1].map(a)", UnknownFunction),
    ("[1].map(a, b, c, d)", UnknownFunction),
    ("optional.of(1)", UnknownFunction),
    ("math.greatest(1, 2)", UnknownFunction),
    ("'a'.format([1])", UnknownFunction),
    ("matches('a')", UnknownFunction),
];

#[test]
fn sources_that_are_no_expressions_end_in_an_error() {
    let inputs = NO_EXPRESSIONS.iter().map(|(input, kind)| ((*input).to_owned(), Fails(*kind)));

    check(inputs.collect(), evaluate);
}

#[test]
fn loops_over_large_inputs_end_in_an_error() {
    let inputs = [
        ("many.map(x, many.map(y, x))", TooCostly),
        ("many.exists(x, many.exists(y, x + y < 0))", TooCostly),
        ("many.all(x, x in many)", TooCostly),
        ("objects.map(o, objects)", TooCostly),
        ("objects.map(o, o.tags.map(t, objects))", TooCostly),
        ("objects.all(o, objects == many)", TooCostly),
        ("many.map(x, many.filter(y, y > x)).map(z, size(z))", TooCostly),
        ("many.map(x, [x, x, x, x, x, x, x, x]).map(l, l.map(i, [i, i, i, i]))", TooCostly),
        ("wide.map(k, wide[k] + many.filter(m, m == wide[k])[0])", TooCostly),
        ("objects.map(o, long + string(o.id))", TooCostly),
        ("many.map(x, {'a': many, 'b': {'c': many}})", TooCostly),
        ("long + long + long + long", TooCostly),
        ("many.exists(x, long.contains(string(x)))", TooCostly),
        ("many.map(x, long.startsWith(long))", TooCostly),
        ("text.matches(text)", Evaluation),
        ("long.matches('(a*)*b')", TooCostly),
        ("long.matches('(x+x+)+y')", TooCostly),
        ("many.exists(x, text.matches('(a|aa)+$'))", TooCostly),
        ("many.exists(x, 'a'.matches(string(x)))", TooCostly),
        ("[1, 2].map(x, many.map(y, many))", TooCostly),
    ];
    let inputs = inputs.map(|(input, kind)| (input.to_owned(), Fails(kind)));

    check(inputs.to_vec(), evaluate);
}

#[test]
fn growth_by_doubling_ends_in_an_error() {
    let double = |start: &str, step: &str, times: usize| format!("{start}{}", step.repeat(times));
    let inputs = vec![
        (double("['ab']", ".map(x,x+x)", 30), Fails(TooCostly)),
        (double("[text]", ".map(x,x+x)", 20), Fails(TooCostly)),
        (double("[b'ab']", ".map(x,x+x)", 30), Fails(TooCostly)),
        (double("[[1]]", ".map(x,x+x)", 30), Fails(TooCostly)),
        (double("[1]", ".map(x,[x,x])", 30), Fails(TooCostly)),
        (double("[1]", ".map(x,{1:x,2:x})", 30), Fails(TooCostly)),
        (double("[1]", ".map(x,true?x:x)", 30), Answers),
        (double("[n]", ".map(x,[x])", 30), Answers),
        (double("'ab'", "+text", 30), Answers),
        (nest("[", "text,text", "].map(x,x+x)", 15), Fails(TooCostly)),
    ];

    check(inputs, evaluate);
}

const UNSOUND: &[(&str, ErrorKind)] = &[
    ("9223372036854775807 + 1", Evaluation),
    ("-9223372036854775808 - 1", Evaluation),
    ("-(-9223372036854775807 - 1)", Evaluation),
    ("-9223372036854775808 / -1", Evaluation),
    ("-9223372036854775808 % -1", Evaluation),
    ("9223372036854775807 * 2", Evaluation),
    ("0u - 1u", Evaluation),
    ("18446744073709551615u + 1u", Evaluation),
    ("18446744073709551615u * 2u", Evaluation),
    ("1 / 0", Evaluation),
    ("1 % 0", Evaluation),
    ("1u / 0u", Evaluation),
    ("1u % 0u", Evaluation),
    ("1.0 / 0.0", Evaluation),
    ("0.0 / 0.0", Evaluation),
    ("1e308 * 10.0", Evaluation),
    ("int(1e300)", Evaluation),
    ("int('99999999999999999999')", Evaluation),
    ("int(18446744073709551615u)", Evaluation),
    ("uint(-1)", Evaluation),
    ("uint(-1.0)", Evaluation),
    ("int(double('NaN'))", Evaluation),
    ("double('NaN')", Evaluation),
    ("double('x')", Evaluation),
    ("bool('x')", Evaluation),
    ("string(b'\\xff')", Evaluation),
    ("n % 2.0", Type),
    ("-1u", Type),
    ("1 + 1u", Type),
    ("1 + 1.0", Type),
    ("-'a'", Type),
    ("!n", Type),
    ("n && true", Type),
    ("n ? 1 : 2", Type),
    ("'a' * 2", Type),
    ("[1] - [1]", Type),
    ("{} + {}", Type),
    ("1 in 2", Type),
    ("n.size()", Type),
    ("n.a", MissingKey),
    ("n[0]", MissingKey),
    ("many['a']", MissingKey),
    ("many[0.5]", Type),
    ("{[1]: 1}", Type),
    ("{1: 1, 1: 2}", Evaluation),
    ("[1][1]", MissingKey),
    ("[1][-1]", MissingKey),
    ("[1][9223372036854775807]", MissingKey),
    ("many[n * 10000]", MissingKey),
    ("{}['a']", MissingKey),
    ("{}.a", MissingKey),
    ("nowhere", MissingKey),
    ("type(1)", Type),
    ("b'a'", Type),
];

#[test]
fn arithmetic_that_overflows_ends_in_an_error() {
    let inputs = UNSOUND.iter().map(|(input, kind)| ((*input).to_owned(), Fails(*kind)));

    check(inputs.collect(), evaluate);
}

#[test]
fn times_out_of_range_end_in_an_error() {
    let inputs = [
        "timestamp('')",
        "timestamp('x')",
        "timestamp('0000-01-01T00:00:00Z')",
        "timestamp('10000-01-01T00:00:00Z')",
        "timestamp('9999-12-31T23:59:59Z') + duration('1s')",
        "timestamp('0001-01-01T00:00:00Z') - duration('1s')",
        "timestamp('0001-01-01T00:00:00Z') - timestamp('9999-12-31T23:59:59Z')",
        "timestamp('2023-02-30T00:00:00Z')",
        "timestamp('2023-01-01T25:00:00Z')",
        "timestamp('2023-01-01T00:00:00+99:99')",
        "timestamp(9223372036854775807)",
        "timestamp(-9223372036854775808)",
        "duration('')",
        "duration('1')",
        "duration('x')",
        "duration('1y')",
        "duration('99999999999999999999h')",
        "duration('-99999999999999999999h')",
        "duration('1e300h')",
        "duration('NaNs')",
        "duration('infs')",
        "duration('-infs')",
        "duration('9223372036s') + duration('9223372036s')",
        "duration('-9223372036s') - duration('9223372036s')",
        "timestamp('2023-01-01T00:00:00Z').getHours('nowhere')",
        "timestamp('2023-01-01T00:00:00Z').getHours('99:99')",
        "timestamp('2023-01-01T00:00:00Z').getHours('-2147483648:00')",
    ];
    let inputs = inputs.map(|input| (input.to_owned(), Fails(Evaluation)));

    check(inputs.to_vec(), evaluate);
}

#[test]
fn templates_with_holes_end_in_an_error() {
    let fails = |input: String, kind| (input, Fails(kind));
    let inputs = vec![
        fails("${{".to_owned(), Syntax),
        fails("${{ n".to_owned(), Syntax),
        fails("${{ n }".to_owned(), Syntax),
        fails("${{}}".to_owned(), Syntax),
        fails("${{ }}".to_owned(), Syntax),
        fails("${{ '}} ".to_owned(), Syntax),
        fails("${{ 'a }} b".to_owned(), Syntax),
        fails("${{ \"\\\" }}".to_owned(), Syntax),
        fails("${{ {'a': 1 }}".to_owned(), Syntax),
        fails("${{ n // }}".to_owned(), Syntax),
        fails("${{ ${{ n }} }}".to_owned(), Syntax),
        fails("${{ \u{202e} }}".to_owned(), Syntax),
        fails("${{ é }}".to_owned(), Syntax),
        fails(format!("${{{{ {} }}}}", " ".repeat(FAR)), TooLong),
        fails(format!("${{{{ '{}' }}}}", "a".repeat(FAR)), TooLong),
        fails(format!("${{{{ {} }}}}", "(".repeat(FAR)), TooLong),
        fails(format!("${{{{ {} }}}}", nest("(", "1", ")", 33)), TooDeep),
        fails("${{".repeat(FAR), Syntax),
        fails("${{ '".repeat(FAR), Syntax),
        fails("${{ n }}".repeat(10_000), TooLong),
        fails("${{ nowhere }}".repeat(400), MissingKey),
        fails("${{ long }}".repeat(100), TooCostly),
        fails("${{ many.map(x, x + 1) }}".repeat(100), TooCostly),
        ("$${{".repeat(FAR), Answers),
        ("$$$".repeat(FAR), Answers),
        ("}}".repeat(FAR), Answers),
        ("${ {".repeat(FAR), Answers),
        ("${{ '}}' + \"}}\" + '''}}''' }}".to_owned(), Answers),
        ("${{ {'a': {'b': {}}} }}".to_owned(), Answers),
    ];

    check(inputs, |text| Template::parse_str(text)?.render(inputs_scope()));
}

fn inputs_scope() -> &'static Value {
    inputs()
}

/// Makes a list within a list, and so on; such a value must be taken apart by hand.
fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, _| Value::Array(vec![inner]))
}

/// Drops a deep value without recursion.
fn dismantle(mut value: Value) {
    while let Value::Array(items) = &mut value {
        let Some(inner) = items.pop() else { return };
        value = inner;
    }
}

#[test]
fn values_that_nest_far_too_deep_end_in_an_error() {
    let scope = json!({"deep": deep(0), "n": 1});
    let Value::Object(mut scope) = scope else { unreachable!("it is an object") };
    scope.insert("deep".to_owned(), deep(FAR));
    let sources = [
        "deep",
        "deep == deep",
        "deep == [1]",
        "deep in [deep]",
        "[deep]",
        "{'a': deep}",
        "deep.map(x, x)",
        "true ? deep : 1",
        "deep + deep",
    ];

    for source in sources {
        let (result, took) = timed(|| Expression::parse(source).unwrap().evaluate(&scope));
        assert_eq!(result.unwrap_err().kind(), TooDeep, "{source}");
        assert!(took < ALLOWED, "{source} took {took:?}");
    }
    let size = Expression::parse("size(deep) + size(deep[0])").unwrap();
    assert_eq!(size.evaluate(&scope), Ok(json!(2)));
    dismantle(scope.remove("deep").unwrap());
}

#[test]
fn a_template_that_nests_far_too_deep_ends_in_an_error() {
    let template = deep(FAR);

    let errors = Template::parse(&template).unwrap_err();

    assert_eq!(errors[0].error.kind(), TooDeep);
    dismantle(template);
}

#[test]
fn an_evaluation_just_below_the_limit_of_cost_is_bearable() {
    let expression = Expression::parse("size(objects.filter(o, o.id > 0 && o.id < 5000))").unwrap();
    let cost = expression.estimated_cost(inputs());

    let (result, took) = timed(|| expression.evaluate(inputs()));

    assert_eq!(result, Ok(json!(4999)));
    assert!(cost > 200_000, "{cost}");
    assert!(took < 10 * ALLOWED, "{took:?}");
}
