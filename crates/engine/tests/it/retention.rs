//! Retention: rounds that one process makes, archives first, and survives what goes wrong in the middle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{
    Archive, Engine, Error, ErrorKind, Finished, Journal as _, Keeper, Litter, RetentionSettings,
};
use codeflow_runtime::Tasks;

use crate::world::{World, workflow};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Remembers what it was given; may refuse, or do something first.
#[derive(Default)]
struct Shelf {
    kept: Mutex<Vec<ExecutionId>>,
    refuses: Mutex<bool>,
    restarts: Option<Engine>,
}

#[async_trait]
impl Archive for Shelf {
    async fn keep(&self, executions: Vec<Finished>) -> Result<(), Error> {
        let ids: Vec<_> = executions.iter().map(|finished| finished.snapshot.record.id).collect();
        assert!(executions.iter().all(|finished| !finished.snapshot.facts.is_empty()));
        if let (Some(engine), Some(first)) = (&self.restarts, ids.first()) {
            engine.restart(*first, Some("a".parse().unwrap()), "ann").await.unwrap();
        }
        if *self.refuses.lock().unwrap() {
            return Err(Error::new(ErrorKind::Unavailable, "the disk is full"));
        }
        self.kept.lock().unwrap().extend(ids);
        Ok(())
    }
}

fn settings() -> RetentionSettings {
    let executions = BTreeMap::from([(ExecutionStatus::Succeeded, DAY), (ExecutionStatus::Failed, 3 * DAY)]);
    let litter = BTreeMap::from([(Litter::Sessions, DAY), (Litter::Payloads, Duration::ZERO)]);
    let pause = Duration::from_millis(100);
    RetentionSettings { executions, litter, piece: 2, pause, every: Duration::from_secs(3600) }
}

/// Five that succeeded, one that failed, and one that waits.
async fn lives(world: &World) -> (Vec<ExecutionId>, ExecutionId, ExecutionId) {
    world.script.fails("bad", codeflow_core::ActionErrorKind::Denied);
    let mut fine = Vec::new();
    for _ in 0..5 {
        fine.push(world.run(&workflow("  a: { uses: test/x }")).await.snapshot.record.id);
    }
    let failed = world.run(&workflow("  bad: { uses: test/x }")).await.snapshot.record.id;
    let live = world.start(&workflow("  nap: { sleep: 20d }")).await;
    (fine, failed, live)
}

async fn there(world: &World, id: ExecutionId) -> bool {
    world.store.read(id, None).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn what_ended_is_removed_when_its_time_has_come() {
    let world = World::new();
    let (fine, failed, live) = lives(&world).await;
    let keeper = world.engine.keeper(settings(), None);

    let young = keeper.round().await.unwrap().expect("it has the turn");
    world.clock.advance(2 * DAY);
    let old = keeper.round().await.unwrap().expect("it has the turn");
    world.clock.advance(2 * DAY);
    let older = keeper.round().await.unwrap().expect("it has the turn");

    assert_eq!((young.executions, old.executions, older.executions), (0, 5, 1));
    assert!(old.litter.get(&Litter::Sessions).is_some_and(|count| *count > 0), "{old:?}");
    for id in fine.into_iter().chain([failed]) {
        assert!(!there(&world, id).await);
    }
    assert!(there(&world, live).await);
}

#[tokio::test(start_paused = true)]
async fn one_process_makes_the_rounds_of_retention() {
    let world = World::new();
    let (one, other) = (world.engine.keeper(settings(), None), world.other_engine().keeper(settings(), None));

    assert!(one.round().await.unwrap().is_some());
    assert!(other.round().await.unwrap().is_none());
    world.clock.advance(DAY);
    assert!(other.round().await.unwrap().is_some());
    assert!(one.round().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_archived_is_not_removed() {
    let world = World::new();
    let (fine, ..) = lives(&world).await;
    world.clock.advance(2 * DAY);
    let shelf = Arc::new(Shelf { refuses: Mutex::new(true), ..Shelf::default() });
    let keeper = world.engine.keeper(settings(), Some(shelf.clone()));

    let refused = keeper.round().await.unwrap_err();
    for id in &fine {
        assert!(there(&world, *id).await);
    }
    *shelf.refuses.lock().unwrap() = false;
    let removed = keeper.round().await.unwrap().expect("it has the turn");

    assert_eq!((refused.kind(), removed.executions), (ErrorKind::Unavailable, 5));
    assert_eq!(*shelf.kept.lock().unwrap(), fine);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_taken_up_again_while_it_is_archived_stays() {
    let world = World::new();
    let (fine, ..) = lives(&world).await;
    world.clock.advance(2 * DAY);
    let shelf = Shelf { restarts: Some(world.engine.clone()), ..Shelf::default() };
    let keeper = world.engine.keeper(settings(), Some(Arc::new(shelf)));

    let removed = keeper.round().await.unwrap().expect("it has the turn");

    assert_eq!(removed.executions, 2, "the first of each piece was taken up again");
    assert!(there(&world, fine[0]).await && !there(&world, fine[1]).await);
    let again = world.finish(fine[0]).await;
    assert_eq!(again.status(), ExecutionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_round_that_was_cut_short_is_ended_by_another() {
    let world = World::new();
    let (fine, ..) = lives(&world).await;
    world.clock.advance(2 * DAY);
    let shelf = Arc::new(Shelf::default());
    let keeper = |engine: &Engine| -> Keeper { engine.keeper(settings(), Some(shelf.clone())) };
    let first = keeper(&world.engine);
    world.store.die_after(7);
    let cut = first.round().await.unwrap_err();
    assert!(world.store.revive());
    drop(first);
    let archived = shelf.kept.lock().unwrap().len();

    world.clock.advance(DAY);
    let removed = keeper(&world.other_engine()).round().await.unwrap().expect("it has the turn");

    assert_eq!(cut.kind(), ErrorKind::Unavailable);
    assert!(archived > 0 && removed.executions > 0, "{archived} archived, then {removed:?}");
    for id in &fine {
        assert!(!there(&world, *id).await);
        assert!(shelf.kept.lock().unwrap().contains(id), "it was archived before it was removed");
    }
}

#[tokio::test(start_paused = true)]
async fn rounds_go_on_after_one_that_failed() {
    let world = World::new();
    let (fine, ..) = lives(&world).await;
    world.clock.advance(2 * DAY);
    let (tasks, keeper) = (Tasks::new(), world.engine.keeper(settings(), None));
    world.store.set_away(true);
    let stop = tasks.stop_token();
    tasks.spawn("retention", keeper.run(stop));

    tokio::time::sleep(Duration::from_secs(300)).await;
    world.store.set_away(false);
    let before = there(&world, fine[0]).await;
    tokio::time::sleep(Duration::from_secs(3700)).await;

    assert!(before);
    assert!(!there(&world, fine[0]).await);
    assert!(tasks.shut_down(Duration::from_secs(1)).await);
}
