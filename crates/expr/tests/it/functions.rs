//! The functions of the guide: each is there and answers as the guide says.

use codeflow_expr::Expression;
use serde_json::json;

/// One example for each entry of `docs/guides/expressions.md`.
const EXAMPLES: &[&str] = &[
    "size('äöü') == 3",
    "size(b'ab') == 2",
    "size([1, 2]) == 2",
    "{'a': 1}.size() == 1",
    "'abc'.contains('b')",
    "'abc'.startsWith('ab')",
    "'abc'.endsWith('bc')",
    "'src/lib.rs'.matches('^src/.*[.]rs$')",
    "matches('abc', 'b')",
    "'abc'.matches('a' + '.c')",
    "bool('true')",
    "bytes('a') == b'a'",
    "double('1.5') == 1.5",
    "double(1) == 1.0",
    "int('7') == 7",
    "int(7.9) == 7",
    "int(timestamp('1970-01-01T00:01:00Z')) == 60",
    "uint(7) == 7u",
    "string(7) == '7'",
    "string(true) == 'true'",
    "string(1.5) == '1.5'",
    "string(b'a') == 'a'",
    "string(duration('90s')) == '90s'",
    "string(timestamp('2024-01-01T01:00:00+01:00')) == '2024-01-01T00:00:00Z'",
    "dyn(1) == 1",
    "type(1) == int && type(1u) == uint && type(1.0) == double && type('') == string",
    "type([]) == list && type({}) == map && type(null) == null_type && type(true) == bool",
    "type(b'') == bytes && type(int) == type",
    "type(duration('1s')) == google.protobuf.Duration",
    "type(timestamp(0)) == google.protobuf.Timestamp",
    "duration('1h30m') == duration('90m')",
    "duration('1h30m').getMinutes() == 90",
    "duration('1h').getHours() + duration('2s').getSeconds() == 3",
    "duration('1s').getMilliseconds() == 1000",
    "timestamp('2024-02-03T04:05:06.007Z').getFullYear() == 2024",
    "timestamp('2024-02-03T04:05:06Z').getMonth() == 1",
    "timestamp('2024-02-03T04:05:06Z').getDate() == 3",
    "timestamp('2024-02-03T04:05:06Z').getDayOfMonth() == 2",
    "timestamp('2024-02-03T04:05:06Z').getDayOfWeek() == 6",
    "timestamp('2024-02-03T04:05:06Z').getDayOfYear() == 33",
    "timestamp('2024-02-03T04:05:06Z').getHours() == 4",
    "timestamp('2024-02-03T04:05:06Z').getHours('Europe/Berlin') == 5",
    "timestamp('2024-02-03T04:05:06Z').getHours('-01:00') == 3",
    "timestamp('2024-02-03T04:05:06Z').getMinutes() == 5",
    "timestamp('2024-02-03T04:05:06Z').getSeconds() == 6",
    "timestamp('2024-02-03T04:05:06.007Z').getMilliseconds() == 7",
    "timestamp('2024-01-01T00:00:00Z') + duration('1h') > timestamp('2024-01-01T00:00:00Z')",
    "timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')",
    "7 / 2 == 3 && 7 % 2 == 1 && -7 / 2 == -3 && 7.0 / 2.0 == 3.5",
    "'a' < 'b' && false < true && b'a' < b'b' && 1 < 2u && 1 < 1.5",
    "0x1F == 31 && 1e3 == 1000.0 && .5 == 0.5",
    "r'\\d' == '\\\\d' && '''a'b''' == \"a'b\" && '\\u00e9\\n' == 'é\\n'",
    "[1, 2, 3].all(x, x > 0)",
    "[1, 2, 3].exists(x, x == 2)",
    "[1, 2, 3].exists_one(x, x == 2)",
    "[1, 2, 3].existsOne(x, x == 2)",
    "[1, 2, 3].filter(x, x > 1) == [2, 3]",
    "[1, 2, 3].map(x, x * x) == [1, 4, 9]",
    "[1, 2, 3].map(x, x > 1, x * x) == [4, 9]",
    "has({'a': 1}.a) && !has({'a': 1}.b)",
    "1 in [1, 2] && 'a' in {'a': 1}",
    "true ? 1 == 1 : false",
];

#[test]
fn every_function_of_the_guide_answers() {
    for source in EXAMPLES {
        let answer = Expression::parse(source).and_then(|expression| expression.test(&json!({})));

        assert_eq!(answer, Ok(true), "{source}");
    }
}

#[test]
fn the_guide_names_every_function() {
    let guide = include_str!("../../../../docs/guides/expressions.md");
    let calls = EXAMPLES.iter().flat_map(|source| {
        let names = source.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '(');
        names.filter_map(|name| name.split_once('(')).map(|(name, _)| name)
    });

    for name in calls.filter(|name| name.len() > 2) {
        assert!(guide.contains(&format!("{name}(")), "the guide does not mention {name}");
    }
}
