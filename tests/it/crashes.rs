//! A worker is killed at every moment around its commits, and at random ones: nothing is lost, and no step
//! whose result was committed runs again.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_engine::{ExecutionFilter, Journal};
use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_testkit::TestDb;
use codeflow_tests::ledger::Ledger;
use codeflow_tests::program::{expected_outputs, expected_paths};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::programs::crash_worker;

/// How long one life of a worker may last.
const LIFE: Duration = Duration::from_secs(60);

/// How many scenes are played at once.
const AT_ONCE: u64 = 6;

/// One database and one ledger, through the lives of several workers.
struct Scene {
    database: TestDb,
    ledger: Ledger,
    exclusive: bool,
    /// The journalled paths, and how long the ledger was when they were seen.
    committed: Vec<(usize, BTreeSet<String>)>,
    _folder: tempfile::TempDir,
}

/// How a life ended.
enum Life {
    Killed,
    Finished(Value),
}

impl Life {
    fn end(self) -> Option<Value> {
        match self {
            Self::Killed => None,
            Self::Finished(end) => Some(end),
        }
    }
}

impl Scene {
    async fn new(database: TestDb, exclusive: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let ledger = Ledger::at(folder.path().join("ledger"));
        Self { database, ledger, exclusive, committed: Vec::new(), _folder: folder }
    }

    /// Lets a worker live until it ends, dies by itself, or is killed after `patience`.
    async fn live(&self, die_at: Option<u64>, patience: Option<Duration>) -> Life {
        let mut command = Command::from(crash_worker());
        command.arg("--database-url").arg(self.database.url()).arg("--ledger").arg(self.ledger.path());
        if let Some(die_at) = die_at {
            command.arg("--die-at").arg(die_at.to_string());
        }
        if self.exclusive {
            command.arg("--exclusive");
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        if timeout(patience.unwrap_or(LIFE), child.wait()).await.is_err() {
            assert!(patience.is_some(), "a worker did not end");
            child.start_kill().expect("it can be killed");
        }
        let output = child.wait_with_output().await.expect("it has ended");
        if output.status.signal() == Some(9) {
            return Life::Killed;
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        Life::Finished(serde_json::from_slice(&output.stdout).expect("it prints JSON"))
    }

    /// Looks at the journal between two lives.
    async fn inspect(&mut self) {
        let database = self.open().await;
        let seen = self.ledger.lines().len();
        let paths = settled(&database).await.into_iter().collect();
        self.committed.push((seen, paths));
        database.close();
    }

    async fn open(&self) -> Database {
        Database::open(&DatabaseSettings::new(self.database.url())).await.expect("the database is there")
    }

    /// Nothing is lost, nothing is there twice, and nothing ran again that had been committed.
    async fn must_be_whole(self, end: &Value, context: &str) {
        assert_eq!(end["status"], ExecutionStatus::Succeeded.as_str(), "{context}: {end}");
        assert_eq!(end["outputs"], expected_outputs(), "{context}");
        let database = self.open().await;
        assert_eq!(settled(&database).await, expected_paths(), "{context}");
        let all = database.list(ExecutionFilter::default(), 10).await.expect("executions can be listed");
        assert_eq!(all.len(), 1, "{context}: the start was repeated");
        database.close();
        let lines = self.ledger.lines();
        for (seen, paths) in &self.committed {
            let repeated: Vec<_> = lines[*seen..]
                .iter()
                .filter(|line| line.split(' ').next().is_some_and(|path| paths.contains(path)))
                .collect();
            assert!(repeated.is_empty(), "{context}: ran again after their commit: {repeated:?}");
        }
        self.database.remove().await;
    }
}

/// The settled paths in the journal of the one execution, sorted; a path that is there twice shows twice.
async fn settled(database: &Database) -> Vec<String> {
    let all = database.list(ExecutionFilter::default(), 10).await.expect("executions can be listed");
    let Some(record) = all.first() else { return Vec::new() };
    let snapshot = database.read(record.id, None).await.expect("it can be read").expect("it is there");
    let path = |(_, fact): &(u32, Fact)| match fact {
        Fact::Settled(settled) => Some(settled.path.to_string()),
        _ => None,
    };
    let mut paths: Vec<_> = snapshot.facts.iter().filter_map(path).collect();
    paths.sort();
    paths
}

/// Kills a worker at its first moment, another one at its second, and so on, until one lives to the end
/// because it has no such moment; each time, a second worker carries on. Most of a life on PostgreSQL is
/// waiting for a lease to end, so several are lived at once.
async fn every_moment(fresh: impl AsyncFn() -> TestDb, exclusive: bool) {
    for wave in 0.. {
        let moments = (1..=AT_ONCE).map(|offset| killed_at(&fresh, exclusive, wave * AT_ONCE + offset));
        let survivors = futures_util::future::join_all(moments).await;
        if let Some(reached) = survivors.into_iter().flatten().next() {
            assert!(reached >= 20, "only {reached} moments: the probe does not see the commits");
            return;
        }
    }
}

/// Kills a worker at one moment and lets another one carry on. If there is no such moment, tells how many
/// there are.
async fn killed_at(fresh: &impl AsyncFn() -> TestDb, exclusive: bool, die_at: u64) -> Option<u64> {
    let mut scene = Scene::new(fresh().await, exclusive).await;
    let context = format!("killed at moment {die_at}");
    match scene.live(Some(die_at), None).await {
        Life::Finished(end) => {
            scene.must_be_whole(&end, "never killed").await;
            Some(end["reached"].as_u64().expect("it counts"))
        }
        Life::Killed => {
            scene.inspect().await;
            let end = scene.live(None, None).await.end().expect("nobody kills the second worker");
            assert_eq!(end["released"], 0, "{context}: one death quarantines nothing");
            scene.must_be_whole(&end, &context).await;
            None
        }
    }
}

/// Kills workers at random moments until one comes through. `longest` is in milliseconds, and has to be about
/// as long as a life: a worker that ends before its time comes is killed by nobody.
async fn random_moments(fresh: impl AsyncFn() -> TestDb, exclusive: bool, longest: u64, seed: u64) {
    let mut state = seed;
    let mut draw = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut in_all = 0;
    for round in 0..8 {
        let mut scene = Scene::new(fresh().await, exclusive).await;
        let mut kills = 0;
        let end = loop {
            let patience = (kills < 6).then(|| Duration::from_millis(5 + draw(longest)));
            match scene.live(None, patience).await {
                Life::Finished(end) => break end,
                Life::Killed => {
                    kills += 1;
                    in_all += 1;
                    scene.inspect().await;
                }
            }
        };
        scene.must_be_whole(&end, &format!("seed {seed}, round {round}, {kills} kills")).await;
    }
    assert!(in_all >= 8, "only {in_all} kills: the workers end before anybody kills them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_sqlite_may_be_killed_at_every_moment_around_a_commit() {
    every_moment(async || TestDb::sqlite().await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_postgres_may_be_killed_at_every_moment_around_a_commit() {
    every_moment(async || TestDb::postgres().await, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_sqlite_may_be_killed_at_random() {
    random_moments(async || TestDb::sqlite().await, true, 60, 11).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_on_postgres_may_be_killed_at_random() {
    random_moments(async || TestDb::postgres().await, false, 120, 12).await;
}
