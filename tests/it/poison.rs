//! A step that kills the process it runs in: it is quarantined after three deaths, everybody else's work is done, and
//! nobody else is blamed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_core::{NoActions, workflow};
use codeflow_engine::{Engine, StartRequest, Started};
use codeflow_persistence::Database;
use codeflow_runtime::SystemClock;
use codeflow_testkit::TestDb;
use codeflow_tests::chaos::{Actions, Audit, Effects, Fleet, WorkerOptions, engine_over};
use serde_json::Map;

use crate::programs::chaos_worker;

const POISON: &str = "version: 1\nname: poison\nsteps: { bad: { uses: test/poison } }\n";

/// Slow enough to be running whenever a process dies.
const NEIGHBOUR: &str = "version: 1\nname: neighbour\nsteps:\n  \
    a: { uses: test/work, with: { ms: 300 } }\n  b: { needs: [a], uses: test/work, with: { ms: 300 } }\n";

/// Each death that a task is blamed for.
const BLAMES: &str = "
CREATE TABLE blamed (execution_id UUID NOT NULL);
CREATE FUNCTION blame() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO blamed VALUES (NEW.execution_id);
  RETURN NULL;
END $$;
CREATE TRIGGER blame AFTER UPDATE ON task FOR EACH ROW WHEN (NEW.deaths > OLD.deaths) EXECUTE FUNCTION blame();";

async fn start(engine: &Engine, document: &str, count: usize) -> Vec<uuid::Uuid> {
    let workflow = workflow::parse(document, &NoActions).expect("the document is sound");
    engine.register(&workflow, document).await.expect("it is kept");
    let request = StartRequest { version: workflow.version, inputs: Map::new(), idempotency_key: None };
    let started = engine.start_all(vec![request; count]).await.expect("they start");
    assert!(started.iter().all(|(_, started)| *started == Started::Created));
    started.iter().map(|(id, _)| id.uuid()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_kills_its_workers_is_quarantined_and_no_neighbour_is_blamed() {
    let test_db = TestDb::postgres().await;
    let audit = Audit::connect(test_db.url()).await;
    audit.run(BLAMES).await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let effects = Effects::at(folder.path().join("effects"));
    let database = Database::open(&test_db.settings()).await.expect("it is there");
    let engine =
        engine_over(Arc::new(database), Actions::new("nobody", effects.clone()), Arc::new(SystemClock));
    let neighbours = start(&engine, NEIGHBOUR, 6).await;
    let poison = start(&engine, POISON, 1).await;
    let at = effects.path().display().to_string();
    let arguments =
        ["--database-url", test_db.url(), "--effects", &at, "--lease-ms", "500", "--load", "nothing"];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut fleet = Fleet::new(chaos_worker().get_program().into(), folder.path().to_owned());
    for name in ["one", "other"] {
        fleet.add(WorkerOptions { name: name.to_owned(), arguments: arguments.clone() });
    }

    let began = Instant::now();
    let mut quarantined = Vec::new();
    let open = "SELECT count(*) FROM workflow_executions WHERE status <> 'succeeded'";
    while quarantined.is_empty() || audit.number(open).await > 1 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{quarantined:?}, {} open",
            audit.number(open).await
        );
        fleet.revive();
        quarantined = engine.quarantined(None, 10).await.expect("they can be listed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let held: Vec<_> = quarantined.iter().map(|task| (task.execution.uuid(), task.deaths)).collect();
    assert_eq!(held, [(poison[0], 3)]);
    let blamed = audit.texts("SELECT execution_id::TEXT FROM blamed").await;
    assert_eq!(blamed, vec![poison[0].to_string(); 3]);
    let deaths = effects.all().iter().filter(|effect| effect.execution == poison[0]).count();
    assert!((3..=4).contains(&deaths), "once beside neighbours at most, and three times alone: {deaths}");
    let done: BTreeSet<_> = effects.all().into_iter().map(|effect| effect.execution).collect();
    assert!(neighbours.iter().all(|id| done.contains(id)));
    fleet.revive();
    for worker in 0..fleet.len() {
        assert!(fleet.dismiss(worker).success());
    }
}
