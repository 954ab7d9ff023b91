//! What a batch of accounts costs on each database: `cargo xtask bench -p codeflow-persistence`. On SQLite the CPU of this
//! process is told too, because there it comes out of the gateway's own.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_core::{Ids, SessionId, Timestamp, Usd};
use codeflow_gateway::{
    AccountStore, Batch, BudgetRule, CallStatus, Caller, Committed, Entry, Latency, Period, Scope, Subjects,
    UsageRow,
};
use codeflow_model::{Usage, WireFormat};
use codeflow_persistence::Database;
use codeflow_runtime::SystemIds;
use codeflow_testkit::TestDb;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

const SIZES: [u64; 3] = [1, 32, 200];
const LEASE: Duration = Duration::from_secs(600);

fn row() -> UsageRow {
    UsageRow {
        id: SystemIds.next(),
        at: Timestamp::from_micros(1_767_225_600_123_456),
        request: "req_0192f0c1a2b37c3d8e4f5a6b7c8d9e0f".into(),
        tenant: "acme".into(),
        user: Some("ann".into()),
        key: "ci".into(),
        execution: None,
        step: None,
        route: "fast".into(),
        provider: Some("openai".into()),
        model: Some("gpt-5.4-mini".into()),
        format: Some(WireFormat::ChatCompletions),
        stream: false,
        status: CallStatus::Succeeded,
        attempts: 1,
        usage: Usage { input: Some(1_234), output: Some(321), cache_read: Some(1_024), ..Usage::default() },
        cost: Some(Usd::from_micros(1_234)),
        estimated: false,
        latency: Latency { total_us: 1_234_567, upstream_us: Some(1_234_000), first_token_us: None },
    }
}

/// A budget from which every call is paid.
fn entry() -> Entry {
    let caller = Caller {
        tenant: "acme".into(),
        user: Some("ann".into()),
        key: "ci".into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    };
    let limit = Usd::from_micros(u64::from(u32::MAX));
    let rule =
        BudgetRule { name: "team".into(), scope: Scope::Key, subject: None, period: Period::Total, limit };
    let key = rule.key(&Subjects { caller: &caller, execution: None }, Timestamp::EPOCH);
    let none = Usd::ZERO;
    Entry {
        key: key.expect("the rule is about every key"),
        limit,
        fresh: true,
        spent: Usd::from_micros(1),
        shrink: none,
        held: none,
        need: none,
        asks: none,
        spare: none,
        asked: 0,
        answers: 0,
        retire: false,
    }
}

/// The CPU that this process has used, in ticks of 10 ms.
fn cpu() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Commits batches of `size` rows, one after the other.
#[expect(clippy::print_stderr, reason = "the CPU of a run belongs beside its time")]
async fn commits(database: &Database, count: u64, size: u64) -> Duration {
    let session = SessionId::generate(&SystemIds);
    database.open(session, LEASE).await.expect("a session opens");
    let batches: Vec<Arc<Batch>> = (1..=count)
        .map(|seq| {
            let seq = i64::try_from(seq).expect("few batches");
            let rows = (0..size).map(|_| row()).collect();
            let entries = vec![Entry { fresh: seq == 1, ..entry() }];
            Arc::new(Batch { session, seq, lease: LEASE, tight: LEASE, entries, rows })
        })
        .collect();
    let (began, before) = (Instant::now(), cpu());
    for batch in batches {
        let done = database.commit(batch).await.expect("a batch is written");
        assert!(matches!(done, Committed::Done(_)));
    }
    let (took, ticks) = (began.elapsed(), cpu() - before);
    let rows = count * size;
    if ticks >= 4 {
        eprintln!(
            "  {:.2} µs of CPU a row, {:.0} µs a batch",
            ticks as f64 * 1e4 / rows as f64,
            ticks as f64 * 1e4 / count as f64
        );
    }
    took
}

fn batches(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let mut group = criterion.benchmark_group("accounts");
    group.sample_size(10);
    let databases =
        [("sqlite", runtime.block_on(TestDb::sqlite())), ("postgres", runtime.block_on(TestDb::postgres()))];
    for (name, test_db) in &databases {
        let database = runtime.block_on(test_db.open());
        for size in SIZES {
            group.throughput(Throughput::Elements(size));
            group.bench_function(BenchmarkId::new(*name, size), |bencher| {
                bencher.iter_custom(|count| runtime.block_on(commits(&database, count, size)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, batches);
criterion_main!(benches);
