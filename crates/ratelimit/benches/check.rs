//! How long a decision takes.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;

use codeflow_core::{Clock, Timestamp};
use codeflow_ratelimit::{Ask, Limit, Limiter};
use criterion::{Criterion, criterion_group, criterion_main};

/// A clock that costs nothing.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn check(criterion: &mut Criterion) {
    let limiter = Limiter::new(Arc::new(Stopped));
    let limit = Limit::per_minute("requests", NonZeroU32::MAX);
    let subjects: Vec<String> = (0..10_000).map(|number| format!("key-{number}")).collect();
    for subject in &subjects {
        limiter.check(&Ask { subject, limit: &limit, cost: 1 });
    }
    let mut next = subjects.iter().cycle();

    criterion.bench_function("check one of 10,000 subjects", |bencher| {
        bencher.iter(|| {
            let subject = next.next().map_or("", String::as_str);
            limiter.check(black_box(&Ask { subject, limit: &limit, cost: 1 }))
        });
    });
}

criterion_group!(benches, check);
criterion_main!(benches);
