//! Processes that fire schedules are killed at every moment around their commits, and fire beside each
//! other: each slot starts one execution.

use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::schedule::Turn;
use codeflow_core::{NoActions, Timestamp, workflow};
use codeflow_engine::{
    Engine, ExecutionFilter, Fired, Firing, Journal, Parts, ScheduleRecord, ScheduleStore, Silent,
    SlotOutcome,
};
use codeflow_persistence::Database;
use codeflow_runtime::{SystemClock, SystemIds};
use codeflow_testkit::TestDb;
use codeflow_tests::ledger::Ledger;
use codeflow_tests::program::Program;
use tokio::process::Command;

use crate::programs::schedule_worker;

const MINUTE: i64 = 60_000_000;

/// Every hour, so that the number of slots is known at every minute but one of sixty.
const HOURLY: &str = "version: 1\nname: hourly\non: { schedule: { cron: '0 * * * *', catch_up: all, overlap: allow } }\n\
                      steps: { rest: { sleep: 1h } }\n";
/// As [`HOURLY`], with slots a minute apart.
const EVERY_MINUTE: &str = "version: 1\nname: often\non: { schedule: { cron: '* * * * *', catch_up: { all: 1000 }, overlap: allow } }\n\
                            steps: { rest: { sleep: 1h } }\n";

/// A database with one schedule that nobody has looked at for some time.
struct Scene {
    database: Database,
    test_db: TestDb,
    /// The slot it waited for.
    first: Timestamp,
}

impl Scene {
    async fn new(test_db: TestDb, document: &str, missed_minutes: i64) -> Self {
        let database = test_db.open().await;
        let workflow = workflow::parse(document, &NoActions).expect("the document is good");
        let engine = Engine::new(Parts {
            store: Arc::new(database.clone()),
            actions: Arc::new(Program::new(Ledger::at("unused"))),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: Arc::new(Silent),
        });
        engine.register(&workflow, document).await.expect("it is kept");
        let record = only(&database).await;
        let expected = record.next_at.expect("it waits");
        let past = Timestamp::from_micros(expected.micros() - missed_minutes * MINUTE);
        let firing = Firing { id: record.id, expected, turn: Turn { slot: None, next: Some(past) } };
        let fired = database.fire(firing).await.expect("it is decided");
        assert_eq!(fired, Fired::Decided(SlotOutcome::Missed));
        Self { database, test_db, first: past }
    }

    fn process(&self, die_at: Option<u64>) -> Command {
        let mut command = Command::from(schedule_worker());
        command.arg("--database-url").arg(self.test_db.url()).kill_on_drop(true);
        if let Some(die_at) = die_at {
            command.arg("--die-at").arg(die_at.to_string());
        }
        command
    }

    /// Each slot from the first until the one it waits for has one execution, and nothing is pending.
    async fn must_be_whole(self, at_least: usize, context: &str) {
        let record = only(&self.database).await;
        let next = record.next_at.expect("it waits");
        let before = Timestamp::from_micros(self.first.micros() - 1);
        let slots = record.schedule.upcoming(before).take_while(|slot| *slot < next).count();
        let filter = ExecutionFilter::default();
        let executions = self.database.list(filter, 1_000).await.expect("they can be listed").len();
        assert_eq!(executions, slots, "{context}");
        assert!(slots >= at_least, "{context}: there were only {slots} slots");
        assert_eq!(self.database.pending_slots(10).await.expect("they can be listed"), [], "{context}");
        self.database.close();
        self.test_db.remove().await;
    }
}

async fn only(database: &Database) -> ScheduleRecord {
    let mut records = database.list_schedules(None, None, 10).await.expect("they can be listed");
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// Kills a process at its first moment, another one at its second, and so on, until one comes through.
async fn every_moment(fresh: impl AsyncFn() -> TestDb) {
    for die_at in 1.. {
        let scene = Scene::new(fresh().await, HOURLY, 3 * 60).await;
        let context = format!("killed at moment {die_at}");

        let first = scene.process(Some(die_at)).status().await.expect("it starts");
        let second = scene.process(None).status().await.expect("it starts");

        assert!(second.success(), "{context}: {second}");
        scene.must_be_whole(3, &context).await;
        if first.signal() != Some(9) {
            assert!(first.success(), "{context}: {first}");
            assert!(die_at > 18, "only {die_at} moments: the probe does not see the commits");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fires_schedules_on_sqlite_may_be_killed_at_every_moment_around_a_commit() {
    every_moment(async || TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fires_schedules_on_postgres_may_be_killed_at_every_moment_around_a_commit() {
    every_moment(async || TestDb::postgres().await).await;
}

/// Four processes have the same slots to catch up with; one of them is killed on the way.
async fn side_by_side(test_db: TestDb) {
    let scene = Scene::new(test_db, EVERY_MINUTE, 60).await;
    let mut doomed = scene.process(Some(40)).spawn().expect("it starts");
    let others: Vec<_> = (0..3).map(|_| scene.process(None).spawn().expect("it starts")).collect();

    for mut other in others {
        let ended = tokio::time::timeout(Duration::from_secs(60), other.wait()).await;
        assert!(ended.expect("it ends").expect("it is waited for").success());
    }
    doomed.wait().await.expect("it is waited for");
    let last = scene.process(None).status().await.expect("it starts");

    assert!(last.success());
    scene.must_be_whole(60, "side by side").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_side_by_side_on_postgres_start_each_slot_once() {
    side_by_side(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_side_by_side_on_sqlite_start_each_slot_once() {
    side_by_side(TestDb::sqlite().await).await;
}
