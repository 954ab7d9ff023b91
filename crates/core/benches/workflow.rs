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

/// The slowest document that is known: as deep as the YAML scanner goes, then wide to the limit of size.
fn refuse(criterion: &mut Criterion) {
    let text = format!("{}{}", "[".repeat(255), "a,".repeat(500_000));

    let mut group = criterion.benchmark_group("refuse");
    group.sample_size(10);
    group.bench_function("1 MB, 255 deep", |bencher| {
        bencher.iter(|| workflow::parse(black_box(&text), &NoActions));
    });
    group.finish();
}

criterion_group!(benches, parse, refuse);
criterion_main!(benches);
