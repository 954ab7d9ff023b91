//! How long a decision takes.

use std::hint::black_box;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use codeflow_core::{Clock, Timestamp};
use codeflow_ratelimit::{
    Ask, ClassRates, EndpointClass, Gate, Limit, Limiter, LocalGate, Rate, RuleBook, Rules, Visitor,
};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;

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

/// What each request of a server pays: both gates, and the headers that tell.
fn gates(criterion: &mut Criterion) {
    let rates = || ClassRates { all: Some(Rate::per_minute(u32::MAX)), ..ClassRates::default() };
    let rules =
        Rules { address: rates(), tiers: [("service".to_owned(), rates())].into(), ..Rules::default() };
    let Ok(book) = RuleBook::new(rules) else { return };
    let gate: Arc<dyn Gate> = Arc::new(LocalGate::new(Arc::new(book), Arc::new(Stopped)));
    let class = EndpointClass::Model;
    let visitor = Visitor { name: "settings:bench", tier: "service", may_bypass: false, class };
    let address = IpAddr::from([192, 0, 2, 1]);

    criterion.bench_function("enter at a gate", |bencher| {
        bencher.iter(|| gate.enter(black_box(address), class).now_or_never());
    });
    criterion.bench_function("be admitted at a gate", |bencher| {
        bencher.iter(|| gate.admit(black_box(&visitor)).now_or_never());
    });
    let Some(Some(decision)) = gate.admit(&visitor).now_or_never() else { return };
    criterion.bench_function("tell a limit in headers", |bencher| {
        bencher.iter(|| black_box(&decision).headers());
    });
}

criterion_group!(benches, check, gates);
criterion_main!(benches);
