//! How long it takes to parse and check a workflow document.

use std::hint::black_box;

use codeflow_core::{NoActions, workflow};
use criterion::{Criterion, criterion_group, criterion_main};

fn parse(criterion: &mut Criterion) {
    let text = include_str!("../../../workflows/pr-review.yaml");

    criterion.bench_function("parse pr-review", |bencher| {
        bencher.iter(|| workflow::parse(black_box(text), &NoActions));
    });
}

criterion_group!(benches, parse);
criterion_main!(benches);
