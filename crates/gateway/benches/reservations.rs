//! What a call pays for its budgets and its account, storage apart: `cargo xtask bench -p codeflow-gateway`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_core::{Ids, Timestamp, Usd};
use codeflow_gateway::{
    AccountSettings, Accounts, BudgetRule, CallStatus, Caller, Charge, Latency, Period, Scope, Subjects,
    UsageRow,
};
use codeflow_model::Usage;
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_testkit::MemoryAccounts;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

fn rule(scope: Scope, period: Period) -> BudgetRule {
    let limit = Usd::from_micros(u64::from(u32::MAX) * 1_000_000);
    BudgetRule { name: format!("{scope:?} {period:?}").into(), scope, subject: None, period, limit }
}

fn row(caller: &Caller) -> UsageRow {
    UsageRow {
        id: SystemIds.next(),
        at: Timestamp::EPOCH,
        request: Arc::clone(&caller.key),
        tenant: Arc::clone(&caller.tenant),
        user: caller.user.clone(),
        key: Arc::clone(&caller.key),
        execution: None,
        step: None,
        route: Arc::clone(&caller.key),
        provider: Some(Arc::clone(&caller.key)),
        model: Some(Arc::clone(&caller.key)),
        format: None,
        stream: false,
        status: CallStatus::Succeeded,
        attempts: 1,
        usage: Usage::default(),
        cost: None,
        estimated: false,
        latency: Latency::default(),
    }
}

/// Reserves and settles many times, on a thread of its own beside the committer's.
async fn calls(rules: Vec<BudgetRule>, count: u64) -> Duration {
    let store = Arc::new(MemoryAccounts::new(Arc::new(SystemClock)));
    let settings = AccountSettings::default();
    let (accounts, committer) =
        Accounts::new(rules, store, Arc::new(SystemClock), Arc::new(SystemIds), settings);
    let tasks = Tasks::new();
    tasks.spawn("committer", committer.run(tasks.stop_token()));
    let caller = Caller {
        tenant: "acme".into(),
        user: Some("ann".into()),
        key: "ci".into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    };
    let who = Subjects { caller: &caller, execution: None };
    let (estimate, cost) = (Usd::from_micros(2_000), Usd::from_micros(1_000));
    let began = Instant::now();
    for _ in 0..count {
        let hold = accounts.reserve(&who, None, estimate).await.expect("there is plenty");
        hold.settle_with(Charge::Exact(cost), row(&caller));
    }
    let took = began.elapsed();
    tasks.shut_down(Duration::from_secs(10)).await;
    took
}

fn reservations(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let rules =
        [rule(Scope::Key, Period::Day), rule(Scope::Tenant, Period::Month), rule(Scope::User, Period::Total)];
    let mut group = criterion.benchmark_group("reserve, settle and account for a call");
    for some in [0, 1, 3] {
        group.bench_function(BenchmarkId::new("budgets", some), |bencher| {
            bencher.iter_custom(|count| runtime.block_on(calls(rules[..some].to_vec(), count)));
        });
    }
    group.finish();
}

criterion_group!(benches, reservations);
criterion_main!(benches);
