//! Broken documents made to be large, deep or to grow while they are read.

use super::Case;

const HEAD: &str = "version: 1\nname: w\nsteps:\n";

fn step(body: &str) -> String {
    format!("{HEAD}  a: {{ uses: core/secrets, {body} }}\n")
}

pub(super) fn documents() -> Vec<Case> {
    let mut cases = nested();
    cases.extend(large());
    cases.extend(growing());
    cases.extend(graphs());
    cases
}

fn case(code: &'static str, line: usize, text: String) -> Case {
    Case { code, line, text }
}

fn nested() -> Vec<Case> {
    let indented: String = (0..700).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    vec![
        case("workflow.syntax", 1, "[".repeat(100_000)),
        case("workflow.syntax", 1, "{".repeat(100_000)),
        case("workflow.syntax", 1, "{a: ".repeat(100_000)),
        case("workflow.limit", 1, "- ".repeat(100_000)),
        case("workflow.limit", 1, "? ".repeat(100_000)),
        case("workflow.limit", 11, indented),
        case("workflow.limit", 1, format!("{}1{}", "[".repeat(200), "]".repeat(200))),
        case("workflow.limit", 4, step(&format!("with: {{ a: {}1{} }}", "[".repeat(7), "]".repeat(7)))),
        case("workflow.bad_expression", 4, step(&format!("if: \"{}1{}\"", "(".repeat(200), ")".repeat(200)))),
        case("workflow.bad_expression", 4, step(&format!("if: \"{}true\"", "!".repeat(900)))),
        case("workflow.limit", 1, format!("{}{}", "[".repeat(255), "a,".repeat(30_000))),
    ]
}

fn large() -> Vec<Case> {
    let steps: String = (0..201).map(|i| format!("  s{i}: {{ uses: x/y }}\n")).collect();
    let items = "1,".repeat(10_001);
    vec![
        case("workflow.limit", 1, "a: b\n".repeat(2_000_000)),
        case("workflow.limit", 1, "x".repeat(10_000_000)),
        case("workflow.limit", 1, "[".repeat(10_000_000)),
        case("workflow.limit", 204, format!("{HEAD}{steps}")),
        case("workflow.limit", 4, step(&format!("for_each: [{items}]"))),
        case("workflow.bad_expression", 4, step(&format!("if: \"{}\"", "1 + ".repeat(1_000)))),
        case("workflow.unknown_key", 1, (0..30_000).map(|i| format!("k{i}: 1\n")).collect()),
        case("workflow.duplicate_key", 2, "k: 1\n".repeat(200_000)),
        case("workflow.unknown_key", 1, format!("{}: 1\n", "k".repeat(1_000))),
        case("workflow.bad_value", 2, format!("version: 1\nname: {}\n", "n".repeat(1_000_000))),
        case("workflow.wrong_type", 1, format!("'{}'", "''".repeat(500_000))),
        case("workflow.wrong_type", 2, format!("|\n{}", " x\n".repeat(300_000))),
        case("workflow.syntax", 1, "# comment\n".repeat(100_000)),
        case("workflow.syntax", 1, "\n".repeat(1_000_000)),
        case("workflow.syntax", 2, "---\n".repeat(250_000)),
        case("workflow.unknown_step", 4, step(&format!("needs: [{}]", "zz,".repeat(100_000)))),
        case(
            "workflow.bad_expression",
            4,
            step(&format!("with: {{ a: \"{}\" }}", "${{ 1 + }} ".repeat(50_000))),
        ),
    ]
}

/// Small texts that a reader of aliases would blow up.
fn growing() -> Vec<Case> {
    let mut laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..10 {
        let uses = format!("*a{}, ", level - 1).repeat(9);
        laughs.push_str(&format!("a{level}: &a{level} [{uses}]\n"));
    }
    vec![
        case("workflow.syntax", 1, laughs),
        case("workflow.syntax", 1, "a: &a [*a]\n".to_owned()),
        case("workflow.syntax", 2, format!("a: 1\nb: &x {{ c: 1 }}\n{}", "d: *x\n".repeat(1_000))),
        case("workflow.syntax", 1, "&a ".repeat(50_000)),
    ]
}

fn graphs() -> Vec<Case> {
    let ring: String =
        (0..200).map(|i| format!("  s{i}: {{ uses: x/y, needs: [s{}] }}\n", (i + 1) % 200)).collect();
    let all: Vec<String> = (0..200).map(|i| format!("s{i}")).collect();
    let mesh: String =
        (0..200).map(|i| format!("  s{i}: {{ uses: x/y, needs: [{}] }}\n", all.join(","))).collect();
    let behind =
        "  a: { uses: x/y, needs: [b] }\n  b: { uses: x/y, needs: [a] }\n  c: { uses: x/y, needs: a }\n";
    vec![
        case("workflow.cycle", 4, format!("{HEAD}{ring}")),
        case("workflow.cycle", 4, format!("{HEAD}{mesh}")),
        case("workflow.unreachable", 6, format!("{HEAD}{behind}")),
    ]
}
