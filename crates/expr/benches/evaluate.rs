//! How long it takes to compile a typical condition, and to evaluate it.

use std::hint::black_box;

use codeflow_expr::{Expression, Template};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

const CONDITION: &str =
    "steps.risk.outputs.score > inputs.limit && steps.scan.outputs.findings.exists(f, f.severity == 'high')";

fn scope() -> Value {
    let findings: Vec<Value> =
        (0..20).map(|line| json!({"severity": "low", "path": "src/lib.rs", "line": line})).collect();
    json!({
        "inputs": {"limit": 50},
        "steps": {"risk": {"outputs": {"score": 72}}, "scan": {"outputs": {"findings": findings}}},
    })
}

fn benches(criterion: &mut Criterion) {
    let scope = scope();
    let short = Expression::parse("steps.risk.outputs.score > inputs.limit").expect("it is an expression");
    let long = Expression::parse(CONDITION).expect("it is an expression");
    let template = Template::parse_str("score ${{ steps.risk.outputs.score }}").expect("it is a template");

    criterion.bench_function("parse", |bench| bench.iter(|| Expression::parse(black_box(CONDITION))));
    criterion.bench_function("compare", |bench| bench.iter(|| short.test(black_box(&scope))));
    criterion.bench_function("search 20 findings", |bench| bench.iter(|| long.test(black_box(&scope))));
    criterion.bench_function("render", |bench| bench.iter(|| template.render(black_box(&scope))));
}

criterion_group!(all, benches);
criterion_main!(all);
