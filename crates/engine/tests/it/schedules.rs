//! Executions that start by themselves: each slot once, whatever breaks, and by storage's clock alone.

use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::schedule::{Overlap, Schedule};
use codeflow_core::workflow::{self, VersionId};
use codeflow_core::{Clock, Ids, NoActions, Tenant, Timestamp, WorkflowId};
use codeflow_engine::{
    Engine, ExecutionFilter, ExecutionRecord, NewSchedule, NewVersion, Pass, ScheduleRecord, SlotOutcome,
    WorkflowStore,
};
use codeflow_testkit::SequentialIds;
use tokio::time::sleep;

use crate::script::done;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

/// A workflow of one step, started at these times.
fn document(schedule: &str) -> String {
    format!(
        "version: 1\nname: test\non: {{ schedule: {schedule} }}\nsteps: {{ a: {{ uses: test/x, timeout: 24h }} }}\n"
    )
}

async fn register(world: &World, schedule: &str) -> VersionId {
    let document = document(schedule);
    let workflow = workflow::parse(&document, &NoActions).expect("the document is good");
    world.engine.register(&workflow, &document).await.expect("storage answers");
    workflow.version
}

async fn only(world: &World) -> ScheduleRecord {
    let mut records = world.engine.schedules(None, None, 10).await.expect("storage answers");
    assert_eq!(records.len(), 1);
    records.remove(0)
}

/// All executions, oldest first.
async fn executions(world: &World) -> Vec<ExecutionRecord> {
    let mut all = world.engine.list(ExecutionFilter::default(), 1_000).await.expect("storage answers");
    all.reverse();
    all
}

/// Passes until nothing is due, or something goes wrong.
async fn settle(engine: &Engine) {
    let scheduler = engine.scheduler(Duration::from_secs(1));
    while let Ok(Pass::Busy) = scheduler.pass().await {}
}

fn full_hours(records: &[ExecutionRecord]) -> Vec<i64> {
    records.iter().map(|record| record.created_at.micros() / 3_600_000_000).collect()
}

#[tokio::test(start_paused = true)]
async fn a_schedule_starts_an_execution_at_each_slot() {
    let world = World::new();
    let version = register(&world, "{ cron: '0 * * * *', overlap: allow }").await;
    let scheduler = world.schedule(&world.engine);

    sleep(3 * HOUR + HOUR / 2).await;
    scheduler.stop().await;

    let executions = executions(&world).await;
    assert_eq!(executions.len(), 3, "the clock began at a full hour");
    for record in &executions {
        assert_eq!(record.version, version);
        let late = record.created_at.micros() % 3_600_000_000;
        assert!(late < 100_000, "{late} microseconds after the hour");
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_schedule_is_seen_while_another_one_is_far_away() {
    let world = World::new();
    register(&world, "{ cron: '0 0 1 1 *' }").await;
    let scheduler = world.schedule(&world.engine);
    sleep(HOUR).await;

    register(&world, "{ cron: '*/10 * * * * *' }").await;
    sleep(Duration::from_secs(15)).await;

    assert_eq!(executions(&world).await.len(), 1);
    scheduler.stop().await;
}

#[tokio::test(start_paused = true)]
async fn many_schedulers_start_each_slot_once() {
    let world = World::new();
    register(&world, "{ cron: '0 * * * *', overlap: allow, catch_up: all }").await;
    let others = [world.other_engine(), world.other_engine(), world.other_engine()];
    let schedulers = others.each_ref().map(|engine| world.schedule(engine));

    sleep(24 * HOUR + HOUR / 2).await;
    for scheduler in schedulers {
        scheduler.stop().await;
    }

    let hours = full_hours(&executions(&world).await);
    let first = hours[0];
    assert_eq!(hours, (first..first + 24).collect::<Vec<_>>());
}

/// Three slots went by; the scheduler dies at every point on the way, and another one goes on.
async fn dies_everywhere(overlap: Overlap, expected: usize) {
    let mut deaths = 0;
    loop {
        let world = World::new();
        register(&world, &format!("{{ cron: '0 * * * *', overlap: {overlap}, catch_up: all }}")).await;
        sleep(3 * HOUR + HOUR / 2).await;

        world.store.die_after(deaths);
        settle(&world.engine).await;
        let died = world.store.revive();
        settle(&world.other_engine()).await;

        let executions = executions(&world).await;
        assert_eq!(executions.len(), expected, "after a death at call {deaths}, with {overlap}");
        let record = only(&world).await;
        assert!(record.next_at > Some(world.clock.now()), "{record:?}");
        let last = if overlap == Overlap::Skip { SlotOutcome::Skipped } else { SlotOutcome::Started };
        assert_eq!(record.last.map(|(_, outcome)| outcome), Some(last));
        let kept = executions.len() - 1;
        for replaced in executions.iter().take(if overlap == Overlap::Replace { kept } else { 0 }) {
            assert!(!world.store_inbox_is_empty(replaced.id).await, "{} was told to stop", replaced.id);
        }
        assert!(world.store_inbox_is_empty(executions[kept].id).await, "the last one was not");
        if !died {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 10, "there are {deaths} points to die at");
}

#[tokio::test(start_paused = true)]
async fn wherever_a_scheduler_dies_no_slot_is_lost_or_doubled() {
    dies_everywhere(Overlap::Allow, 3).await;
}

#[tokio::test(start_paused = true)]
async fn wherever_a_scheduler_dies_only_what_overlaps_is_skipped() {
    dies_everywhere(Overlap::Skip, 1).await;
}

#[tokio::test(start_paused = true)]
async fn wherever_a_scheduler_dies_only_earlier_executions_are_replaced() {
    dies_everywhere(Overlap::Replace, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_outlives_an_absence_of_storage() {
    let world = World::new();
    register(&world, "{ cron: '0 * * * *', overlap: allow, catch_up: all }").await;
    let scheduler = world.schedule(&world.engine);

    sleep(HOUR + HOUR / 2).await;
    world.store.set_away(true);
    sleep(3 * HOUR).await;
    world.store.set_away(false);
    sleep(2 * HOUR).await;
    scheduler.stop().await;

    assert_eq!(executions(&world).await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_made_up_for_is_bounded() {
    for (catch_up, expected) in [("none", 0), ("latest", 1), ("all", 100), ("{ all: 5 }", 5)] {
        let world = World::new();
        register(&world, &format!("{{ cron: '0 * * * *', overlap: allow, catch_up: {catch_up} }}")).await;

        sleep(30 * 24 * HOUR + HOUR / 2).await;
        settle(&world.engine).await;

        assert_eq!(executions(&world).await.len(), expected, "with `{catch_up}`");
        assert!(only(&world).await.next_at > Some(world.clock.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_skips_waits_for_its_execution() {
    let world = World::new();
    world.script.on("a", |_, _| async {
        sleep(2 * HOUR + HOUR / 4).await;
        done(serde_json::json!({}))
    });
    register(&world, "{ cron: '0 * * * *', overlap: skip }").await;
    let (scheduler, worker) = (world.schedule(&world.engine), world.work());

    // It fires at 1, is busy at 2 and 3, and fires again at 4.
    sleep(4 * HOUR + HOUR / 2).await;

    let hours = full_hours(&executions(&world).await);
    assert_eq!(hours.len(), 2);
    assert_eq!(hours[1] - hours[0], 3);
    scheduler.stop().await;
    worker.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_replaces_cancels_its_execution() {
    let world = World::new();
    world.script.hangs("a");
    register(&world, "{ cron: '0 * * * *', overlap: replace }").await;
    let (scheduler, worker) = (world.schedule(&world.engine), world.work());

    sleep(3 * HOUR + HOUR / 2).await;

    let statuses: Vec<ExecutionStatus> =
        executions(&world).await.iter().map(|record| record.status).collect();
    use ExecutionStatus::{Cancelled, Running};
    assert_eq!(statuses, [Cancelled, Cancelled, Running]);
    scheduler.stop().await;
    worker.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_clock_is_an_hour_ahead_fires_on_time() {
    let world = World::new();
    register(&world, "{ cron: '30 * * * *', overlap: allow, catch_up: all }").await;
    let scheduler = world.schedule(&world.engine_ahead(HOUR));

    sleep(2 * HOUR).await;
    scheduler.stop().await;

    let minutes: Vec<i64> =
        executions(&world).await.iter().map(|record| record.created_at.micros() / 60_000_000 % 60).collect();
    assert_eq!(minutes, [30, 30]);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_cannot_start_does_not_stand_in_the_way() {
    let world = World::new();
    register(&world, "{ cron: '0 * * * *', overlap: allow }").await;
    let schedule = Schedule::new("0 * * * *".parse().expect("good"), "UTC".parse().expect("good"));
    let name = "broken".parse().expect("a name");
    let broken = NewVersion {
        tenant: Tenant::default(),
        workflow_id: WorkflowId::from_uuid(SequentialIds::new().next()),
        version: VersionId::from_hash("0".repeat(64)),
        document: "this is no workflow".to_owned(),
        steps: Vec::new(),
        triggers: Vec::new(),
        schedules: vec![NewSchedule { id: schedule.id(&Tenant::default(), &name), schedule }],
        name,
    };
    let name = broken.name.clone();
    world.store.put_version(broken).await.expect("storage answers");
    let scheduler = world.schedule(&world.engine);

    sleep(2 * HOUR + HOUR / 2).await;
    scheduler.stop().await;

    let broken = world.engine.schedules(Some(&name), None, 10).await.expect("storage answers");
    assert_eq!(broken[0].last.map(|(_, outcome)| outcome), Some(SlotOutcome::Failed));
    assert_eq!(executions(&world).await.len(), 2, "the other one goes on");
}

#[tokio::test(start_paused = true)]
async fn a_paused_schedule_starts_nothing_and_makes_up_for_nothing() {
    let world = World::new();
    register(&world, "{ cron: '0 * * * *', overlap: allow, catch_up: all }").await;
    let id = only(&world).await.id;
    let scheduler = world.schedule(&world.engine);

    world.engine.pause_schedule(id).await.expect("it is there");
    sleep(5 * HOUR + HOUR / 2).await;
    let while_paused = executions(&world).await.len();
    world.engine.resume_schedule(id).await.expect("it is there");
    sleep(HOUR).await;

    assert_eq!((while_paused, executions(&world).await.len()), (0, 1));
    scheduler.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_document_fires_at_its_new_times() {
    let world = World::new();
    register(&world, "{ cron: '0 * * * *', overlap: allow }").await;
    let scheduler = world.schedule(&world.engine);
    sleep(HOUR + HOUR / 2).await;

    let version = register(&world, "{ cron: '45 * * * *', overlap: allow }").await;
    sleep(HOUR).await;
    scheduler.stop().await;

    let executions = executions(&world).await;
    assert_eq!(executions.len(), 2, "one at the full hour, one at 45");
    assert_eq!(executions[1].version, version);
    let late: Timestamp = executions[1].created_at;
    assert_eq!(late.micros() / 60_000_000 % 60, 45);
}
