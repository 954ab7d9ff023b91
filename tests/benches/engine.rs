//! Durable steps a second through the whole engine, on each database: `cargo xtask bench` or
//! `cargo bench -p codeflow-tests`. On PostgreSQL, compare with `pgbench` on the same server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use codeflow_core::{NoActions, workflow};
use codeflow_engine::{Engine, Event, Observer, Parts, StartRequest, WorkerSettings};
use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_testkit::TestDb;
use codeflow_tests::ledger::Ledger;
use codeflow_tests::program::Program;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Map;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// Five steps, one after the other.
const DOCUMENT: &str = r#"
version: 1
name: five
steps:
  s1: { uses: test/add, with: { left: 1, right: 1 } }
  s2: { needs: [s1], uses: test/add, with: { left: "${{ steps.s1.outputs.sum }}", right: 1 } }
  s3: { needs: [s2], uses: test/add, with: { left: "${{ steps.s2.outputs.sum }}", right: 1 } }
  s4: { needs: [s3], uses: test/add, with: { left: "${{ steps.s3.outputs.sum }}", right: 1 } }
  s5: { needs: [s4], uses: test/add, with: { left: "${{ steps.s4.outputs.sum }}", right: 1 } }
"#;

/// Executions in one measured round.
const EXECUTIONS: u64 = 200;

/// Counts the executions that ended.
#[derive(Default)]
struct Counter {
    ended: AtomicU64,
    changed: Notify,
}

impl Observer for Counter {
    fn notice(&self, event: Event) {
        if let Event::Ended { .. } = event {
            self.ended.fetch_add(1, Ordering::SeqCst);
            self.changed.notify_waiters();
        }
    }
}

/// Runs rounds on one database and returns the time that running took, starts not included.
async fn rounds(database: &TestDb, rounds: u64) -> Duration {
    let store = Database::open(&DatabaseSettings::new(database.url())).await.expect("the database is there");
    let counter = Arc::new(Counter::default());
    let engine = Engine::new(Parts {
        store: Arc::new(store),
        actions: Arc::new(Program::new(Ledger::at("/dev/null"))),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        observer: Arc::clone(&counter) as Arc<dyn Observer>,
    });
    let workflow = workflow::parse(DOCUMENT, &NoActions).expect("the document is sound");
    engine.register(&workflow, DOCUMENT).await.expect("it can be registered");
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        for _ in 0..EXECUTIONS {
            let request =
                StartRequest { version: workflow.version.clone(), inputs: Map::new(), idempotency_key: None };
            engine.start(request).await.expect("it starts");
        }
        counter.ended.store(0, Ordering::SeqCst);
        let tasks = Tasks::new();
        let stop = tasks.stop_token();
        let worker = engine.worker(WorkerSettings { concurrency: 32, ..WorkerSettings::default() });
        let began = Instant::now();
        tasks.spawn("worker", async move { worker.run(stop).await });
        loop {
            let changed = counter.changed.notified();
            if counter.ended.load(Ordering::SeqCst) >= EXECUTIONS {
                break;
            }
            changed.await;
        }
        total += began.elapsed();
        tasks.shut_down(Duration::from_secs(10)).await;
    }
    total
}

fn steps(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let mut group = criterion.benchmark_group("engine");
    group.throughput(Throughput::Elements(EXECUTIONS * 5)).sample_size(10);
    let sqlite = runtime.block_on(TestDb::sqlite());
    group.bench_function("steps on sqlite", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(rounds(&sqlite, count)));
    });
    let postgres = runtime.block_on(TestDb::postgres());
    group.bench_function("steps on postgres", |bencher| {
        bencher.iter_custom(|count| runtime.block_on(rounds(&postgres, count)));
    });
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
