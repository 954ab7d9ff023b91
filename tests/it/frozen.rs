//! A worker is stopped in the middle of a write until its lease is over and longer, another one takes over, and the
//! first goes on: each kind of stale write is refused.

use std::time::{Duration, Instant};

use codeflow_core::RetryPolicy;
use codeflow_core::{NoActions, workflow};
use codeflow_engine::{Engine, JobRequest, StartRequest};
use codeflow_persistence::DatabaseSettings;
use codeflow_runtime::SystemClock;
use codeflow_testkit::TestDb;
use codeflow_tests::chaos::{Actions, Audit, Effects, Fleet, WorkerOptions, engine_over};
use rustix::process::Signal;
use serde_json::{Map, json};
use tempfile::TempDir;

use crate::programs::chaos_worker;

/// How long a lease lasts.
const LEASE_MS: &str = "600";

/// One step that answers at once the first time, and waits for the gate each further time.
const GATED: &str = "version: 1\nname: gated\nsteps: { only: { uses: test/gated, with: { left: 1, right: 1 } } }\n\
                     outputs: { by: '${{ steps.only.outputs.by }}' }\n";

/// A database with workers over it.
struct Scene {
    audit: Audit,
    engine: Engine,
    fleet: Fleet,
    effects: Effects,
    folder: TempDir,
    test_db: TestDb,
}

impl Scene {
    async fn new() -> Self {
        let test_db = TestDb::postgres().await;
        let audit = Audit::connect(test_db.url()).await;
        audit.install().await;
        let folder = tempfile::tempdir().expect("a folder can be made");
        let effects = Effects::at(folder.path().join("effects"));
        let actions = Actions::new("nobody", effects.clone());
        let settings = DatabaseSettings { pool_size: 2, ..test_db.settings() };
        let database = codeflow_persistence::Database::open(&settings).await.expect("it is there");
        let engine = engine_over(std::sync::Arc::new(database), actions, std::sync::Arc::new(SystemClock));
        let program = chaos_worker().get_program().into();
        let fleet = Fleet::new(program, folder.path().to_owned());
        Self { audit, engine, fleet, effects, folder, test_db }
    }

    /// Adds a worker, which stops at each of these commits.
    fn hire(&mut self, name: &str, freezes: &[&str], more: &[&str]) -> usize {
        let url = self.test_db.url().to_owned();
        let effects = self.effects.path().display().to_string();
        let mut arguments = vec!["--database-url".to_owned(), url, "--effects".to_owned(), effects];
        arguments.extend(["--lease-ms", LEASE_MS].map(str::to_owned));
        let load = if more.contains(&"--load") { &[][..] } else { &["--load", "nothing"][..] };
        arguments.extend(load.iter().chain(more).map(|text| (*text).to_owned()));
        arguments.extend(freezes.iter().flat_map(|freeze| ["--freeze".to_owned(), (*freeze).to_owned()]));
        self.fleet.add(WorkerOptions { name: name.to_owned(), arguments })
    }

    async fn start_gated(&self) {
        let gated = workflow::parse(GATED, &NoActions).expect("the document is sound");
        self.engine.register(&gated, GATED).await.expect("it is kept");
        let request = StartRequest { version: gated.version, inputs: Map::new(), idempotency_key: None };
        self.engine.start(request).await.expect("it starts");
    }

    async fn enqueue(&self, uses: &str, lane: &str) {
        let request = JobRequest {
            lane: lane.to_owned(),
            retry: RetryPolicy::default(),
            ..JobRequest::new(uses.parse().expect("it is well formed"), Map::new())
        };
        self.engine.enqueue(vec![request]).await.expect("it is put in");
    }

    /// Waits until a query gives this number.
    async fn until(&self, query: &str, wanted: i64) {
        let began = Instant::now();
        while self.audit.number(query).await != wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "never {wanted}: {query}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until so many effects were noted.
    async fn until_effects(&self, wanted: usize) {
        let began = Instant::now();
        while self.effects.all().len() < wanted {
            assert!(began.elapsed() < Duration::from_secs(20), "never {wanted} effects");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets a worker that stopped go on until it stops before its next session.
    fn go_on(&self, worker: usize) {
        self.fleet.signal(worker, Signal::CONT);
        self.fleet.await_saying(worker, "stopped before open_session");
    }

    fn open_gate(&self) {
        std::fs::write(self.folder.path().join("gate"), "").expect("the gate can be opened");
    }

    /// Lets everything end; then nothing is stuck, left or there twice.
    async fn must_end_well(mut self, stopped: usize) {
        self.open_gate();
        self.fleet.signal(stopped, Signal::CONT);
        self.until("SELECT count(*) FROM task", 0).await;
        let open = "SELECT count(*) FROM workflow_executions WHERE status <> 'succeeded'";
        assert_eq!(self.audit.number(open).await, 0);
        assert_eq!(self.audit.repeated().await, Vec::<String>::new());
        assert_eq!(self.audit.leaks().await, Vec::<String>::new());
        for worker in 0..self.fleet.len() {
            assert!(self.fleet.dismiss(worker).success());
        }
        assert_eq!(self.audit.number("SELECT count(*) FROM claim").await, 0);
    }
}

const ENDED: &str = "SELECT count(*) FROM session WHERE ended_at IS NOT NULL";
const READY: &str = "SELECT count(*) FROM ready";
const FACTS: &str = "SELECT count(*) FROM chaos_commit";

/// The ids that claims name which are still to be done, by sessions that are over.
const STALE_CLAIMS: &str = "SELECT count(*) FROM claim c JOIN session s ON s.id = c.session_id
    WHERE s.ended_at IS NOT NULL";

#[tokio::test(flavor = "multi_thread")]
async fn the_result_of_a_worker_that_was_frozen_past_its_lease_is_refused() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["flush:1", "open_session:2"], &[]);
    scene.fleet.await_saying(frozen, "open");
    scene.start_gated().await;
    scene.fleet.await_saying(frozen, "stopped before flush");
    scene.hire("other", &[], &[]);
    scene.until(ENDED, 1).await;
    scene.until_effects(2).await;

    // Nobody has moved the execution, so its sequence number would let the result in.
    scene.go_on(frozen);

    assert_eq!(scene.audit.number(FACTS).await, 0);
    scene.open_gate();
    scene.until("SELECT count(*) FROM workflow_executions WHERE status = 'succeeded'", 1).await;
    let by = "SELECT count(*) FROM workflow_executions WHERE outputs::JSONB ->> 'by' = 'other'";
    assert_eq!(scene.audit.number(by).await, 1);
    scene.must_end_well(frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_job_by_a_worker_that_was_frozen_past_its_lease_is_refused() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["finish:1", "open_session:2"], &[]);
    scene.fleet.await_saying(frozen, "open");
    scene.enqueue("test/gated", "default").await;
    scene.fleet.await_saying(frozen, "stopped before finish");
    scene.hire("other", &[], &[]);
    scene.until(ENDED, 1).await;
    scene.until_effects(2).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number("SELECT count(*) FROM task").await, 1);
    assert_eq!(scene.audit.number(FACTS).await, 0);
    scene.must_end_well(frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_a_worker_that_was_frozen_past_its_lease_takes_nothing() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["claim:2", "open_session:2"], &["--lanes", "own"]);
    scene.fleet.await_saying(frozen, "stopped before claim");
    scene.enqueue("test/work", "own").await;
    scene.hire("other", &[], &[]);
    scene.until(ENDED, 1).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number(READY).await, 1);
    assert_eq!(scene.audit.number("SELECT count(*) FROM claim").await, 0);
    assert_eq!(scene.effects.all(), []);
    scene.must_end_well(frozen).await;
}

/// As above, before anybody noticed: the lease alone has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_after_a_lease_that_nobody_ended_takes_nothing() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["claim:2", "open_session:2"], &[]);
    scene.fleet.await_saying(frozen, "stopped before claim");
    scene.enqueue("test/work", "default").await;
    scene.until("SELECT count(*) FROM session WHERE expires_at < clock_timestamp()", 1).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number(READY).await, 1);
    assert_eq!(scene.audit.number("SELECT count(*) FROM claim").await, 0);
    scene.must_end_well(frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_has_ended_is_not_renewed_by_a_worker_that_was_frozen() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["renew:2", "open_session:2"], &[]);
    scene.fleet.await_saying(frozen, "stopped before renew");
    scene.until("SELECT count(*) FROM session WHERE expires_at < clock_timestamp()", 1).await;
    let expires = "SELECT (extract(epoch FROM max(expires_at)) * 1000000)::BIGINT FROM session";
    let before = scene.audit.number(expires).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number(expires).await, before);
    scene.must_end_well(frozen).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_a_worker_that_was_frozen_past_its_lease_takes_no_task() {
    let mut scene = Scene::new().await;
    let more = ["--load", "everything", "--share", "0/1", "--lanes", "default"];
    let frozen = scene.hire("frozen", &["start:1", "open_session:2"], &more);
    scene.fleet.await_saying(frozen, "stopped before start");
    scene.hire("other", &[], &["--lanes", "another"]);
    scene.until(ENDED, 1).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number(STALE_CLAIMS).await, 0);
    let lost = "SELECT count(*) FROM task WHERE id NOT IN (SELECT task_id FROM ready)";
    assert_eq!(scene.audit.number(lost).await, 0, "what was started waits for whoever comes");
    scene.fleet.signal(frozen, Signal::CONT);
    scene.until("SELECT count(*) FROM workflow_executions WHERE status = 'failed' AND idempotency_key IS NOT NULL", 1).await;
    assert_eq!(scene.audit.number("SELECT count(*) FROM workflow_executions").await, 3);
    assert_eq!(scene.audit.repeated().await, Vec::<String>::new());
}

/// It holds locks when it stops: the server ends its transaction, and others do the work.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_was_frozen_halfway_neither_holds_up_others_nor_is_made_twice() {
    let mut scene = Scene::new().await;
    let victim = scene.hire("victim", &["flush:1"], &[]);
    scene.fleet.await_saying(victim, "open");
    scene.start_gated().await;
    scene.fleet.await_saying(victim, "stopped before flush");
    scene.until("SELECT count(*) FROM session WHERE expires_at < clock_timestamp()", 1).await;
    let frozen = scene.hire("frozen", &["recover:1", "open_session:2"], &[]);
    scene.fleet.await_saying(frozen, "stopped before recover");
    scene.hire("other", &[], &[]);
    scene.until(ENDED, 2).await;
    scene.until_effects(2).await;

    scene.go_on(frozen);

    assert_eq!(scene.audit.number(READY).await, 0, "the other one has it");
    assert_eq!(scene.audit.number("SELECT max(deaths)::BIGINT FROM task").await, 1);
    scene.fleet.signal(victim, Signal::CONT);
    scene.must_end_well(frozen).await;
}

/// It stops while it gives back what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn work_that_a_frozen_worker_gives_back_late_is_not_there_twice() {
    let mut scene = Scene::new().await;
    let frozen = scene.hire("frozen", &["close_session:1"], &[]);
    scene.fleet.await_saying(frozen, "open");
    let inputs = json!({ "ms": 60_000 }).as_object().cloned().unwrap_or_default();
    let request = JobRequest::new("test/work".parse().expect("it is well formed"), inputs);
    scene.engine.enqueue(vec![request]).await.expect("it is put in");
    while scene.effects.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    scene.fleet.tell_to_stop(frozen);
    scene.fleet.await_saying(frozen, "stopped before close_session");
    let other = scene.hire("other", &[], &[]);
    scene.until(ENDED, 1).await;
    scene.until_effects(2).await;

    assert!(scene.fleet.dismiss(frozen).success());

    assert_eq!(scene.audit.number(READY).await, 0, "the other one has it");
    assert_eq!(scene.audit.leaks().await, Vec::<String>::new());
    scene.fleet.signal(other, Signal::KILL);
}
