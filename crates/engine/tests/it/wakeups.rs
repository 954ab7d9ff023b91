//! Wake-ups across processes: quick when they arrive, few when there are many, never needed.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Engine, Hearing, JobRequest, NotReady, WakeupSettings, Wakeups, WorkerSettings};
use codeflow_runtime::{SystemIds, Tasks};
use serde_json::{Map, json};
use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, sleep, timeout};

use crate::script::{done, failed};
use crate::wire::Hub;
use crate::world::World;

const QUICK: &str = "version: 1\nname: quick\nsteps: { only: { uses: test/x } }\n";
const FAN_OUT: &str = "
version: 1
name: fan-out
steps:
  first: { uses: test/x }
  left: { needs: first, uses: test/x }
  right: { needs: first, uses: test/x }
";
const STUCK: &str = "version: 1\nname: stuck\nsteps: { only: { uses: test/x } }\n";

/// Polling alone would not find work before the test is over.
fn patient() -> WorkerSettings {
    WorkerSettings { poll: Duration::from_secs(3600), lease: Duration::from_secs(1800), ..Default::default() }
}

fn default_lane() -> Vec<String> {
    vec!["default".to_owned()]
}

fn wakeups(hub: &Arc<Hub>, tasks: &Tasks) -> Wakeups {
    Wakeups::over(hub.end(), WakeupSettings::default(), &SystemIds, tasks)
}

async fn heard(hub: &Arc<Hub>, tasks: &Tasks) -> Wakeups {
    let wakeups = wakeups(hub, tasks);
    wakeups.becomes(Hearing::Listening).await;
    wakeups
}

/// The rings among what was sent, without the echoes.
fn rings(overheard: &mut Receiver<String>) -> Vec<String> {
    let texts = std::iter::from_fn(|| overheard.try_recv().ok());
    texts.filter_map(|text| text.split_once(' ').map(|(_, lane)| lane.to_owned())).collect()
}

async fn two_engines(world: &World, hub: &Arc<Hub>, tasks: &Tasks) -> (Engine, Engine) {
    let one = world.other_engine().with_wakeups(heard(hub, tasks).await);
    let other = world.other_engine().with_wakeups(heard(hub, tasks).await);
    (one, other)
}

#[tokio::test(start_paused = true)]
async fn a_start_wakes_a_worker_of_another_process_at_once() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, there) = two_engines(&world, &hub, &tasks).await;
    let worker = world.work_as(&there, patient());
    sleep(Duration::from_secs(60)).await;

    let began = Instant::now();
    let id = world.start_on(&here, QUICK).await;
    world.ended(id).await;

    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_what_another_process_runs_at_once() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, there) = two_engines(&world, &hub, &tasks).await;
    world.script.on("only", |_, stop| async move {
        stop.cancelled().await;
        failed(ActionErrorKind::Cancelled)
    });
    let full = WorkerSettings { concurrency: 1, ..patient() };
    let busy = world.work_as(&there, full);
    let id = world.start_on(&here, STUCK).await;
    world.called("only", 1).await;
    let reader = world.work_as(&here, patient());
    sleep(Duration::from_secs(60)).await;

    let began = Instant::now();
    here.cancel(id, "me", None).await.expect("it runs");
    let ended = world.standing(id, ExecutionStatus::Cancelled).await;

    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ended.status(), ExecutionStatus::Cancelled);
    busy.stop().await;
    reader.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_rings_is_a_hundred_a_second() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    let mut overheard = hub.overhear();

    for _ in 0..1_000 {
        (0..10).for_each(|_| wakeups.ring("default"));
        sleep(Duration::from_millis(1)).await;
    }
    sleep(Duration::from_millis(50)).await;

    let sent = rings(&mut overheard).len();
    assert!((80..=101).contains(&sent), "{sent} rings were sent in a second");
    assert_eq!(wakeups.sent(), sent as u64);
}

#[tokio::test(start_paused = true)]
async fn the_first_ring_goes_at_once_and_the_last_is_not_lost() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    let mut overheard = hub.overhear();

    wakeups.ring("default");
    sleep(Duration::from_millis(1)).await;
    let first = rings(&mut overheard);
    wakeups.ring("default");
    wakeups.ring("other");
    sleep(Duration::from_millis(1)).await;
    let soon = rings(&mut overheard);
    sleep(Duration::from_millis(20)).await;
    let later = rings(&mut overheard);

    assert_eq!(first, ["default"]);
    assert_eq!(soon, ["other"], "another lane does not wait");
    assert_eq!(later, ["default"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_its_own_rings_or_those_of_other_lanes() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let (one, other) = (heard(&hub, &tasks).await, heard(&hub, &tasks).await);
    let mut own = one.listen(&default_lane());
    let mut elsewhere = other.listen(&["gpu".to_owned()]);
    let mut right = other.listen(&default_lane());

    one.ring("default");

    let second = Duration::from_secs(1);
    assert!(timeout(second, right.rung()).await.is_ok());
    assert!(timeout(second, own.rung()).await.is_err());
    assert!(timeout(second, elsewhere.rung()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_swallows_everything_is_found_and_polling_goes_on() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, there) = two_engines(&world, &hub, &tasks).await;
    let worker = world.work_as(&there, WorkerSettings::default());

    hub.swallow();
    let began = Instant::now();
    there.wakeups().becomes(Hearing::Degraded).await;
    let found = began.elapsed();
    let id = world.start_on(&here, QUICK).await;
    let began = Instant::now();
    world.ended(id).await;

    assert!(found <= Duration::from_secs(15), "a dead wire was found after {found:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "polling found it after {:?}", began.elapsed());
    hub.mend();
    there.wakeups().becomes(Hearing::Listening).await;
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_is_cut_is_connected_anew_without_haste() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    let mut listener = wakeups.listen(&default_lane());

    hub.cut();
    wakeups.becomes(Hearing::Degraded).await;
    let before = hub.connects();
    sleep(Duration::from_secs(60)).await;
    let tries = hub.connects() - before;
    hub.mend();
    wakeups.becomes(Hearing::Listening).await;

    assert!((6..=30).contains(&tries), "{tries} tries in a minute");
    let missed = timeout(Duration::from_secs(1), listener.rung()).await;
    assert!(missed.is_ok(), "what was missed meanwhile is looked for");
}

#[tokio::test(start_paused = true)]
async fn rings_while_the_wire_is_away_are_sent_once_it_is_back() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    hub.cut();
    wakeups.becomes(Hearing::Degraded).await;
    let mut overheard = hub.overhear();

    (0..100).for_each(|_| wakeups.ring("default"));
    hub.mend();
    wakeups.becomes(Hearing::Listening).await;
    sleep(Duration::from_millis(50)).await;

    assert_eq!(rings(&mut overheard), ["default"]);
}

#[tokio::test(start_paused = true)]
async fn a_ring_that_could_not_be_sent_is_sent_over_the_next_connection() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    let mut overheard = hub.overhear();

    hub.refuse(1);
    wakeups.ring("default");
    sleep(Duration::from_secs(1)).await;

    assert_eq!(rings(&mut overheard), ["default"]);
    assert_eq!(hub.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_worker_has_no_room_for_wakes_another_process() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, there) = two_engines(&world, &hub, &tasks).await;
    for step in ["left", "right"] {
        world.script.on(step, |_, _| async {
            sleep(Duration::from_secs(5)).await;
            done(json!({}))
        });
    }
    let idle = world.work_as(&there, WorkerSettings { concurrency: 1, ..patient() });
    sleep(Duration::from_secs(60)).await;
    let id = world.start(FAN_OUT).await;

    let began = Instant::now();
    let busy = world.work_as(&here, WorkerSettings { concurrency: 1, ..patient() });
    world.ended(id).await;

    assert!(began.elapsed() < Duration::from_secs(6), "side by side: {:?}", began.elapsed());
    idle.stop().await;
    busy.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_room_wakes_nobody() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, _there) = two_engines(&world, &hub, &tasks).await;
    let id = world.start(FAN_OUT).await;
    let mut overheard = hub.overhear();

    let worker = world.work_as(&here, patient());
    world.ended(id).await;
    sleep(Duration::from_secs(1)).await;

    assert_eq!(rings(&mut overheard), Vec::<String>::new());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_last_ring_leaves_before_the_process_does() {
    let (hub, tasks) = (Hub::new(), Tasks::new());
    let wakeups = heard(&hub, &tasks).await;
    let mut overheard = hub.overhear();

    wakeups.ring("default");
    assert!(tasks.shut_down(Duration::from_secs(2)).await);

    assert_eq!(rings(&mut overheard), ["default"]);
}

#[tokio::test(start_paused = true)]
async fn without_wakeups_nothing_is_heard_and_nothing_fails() {
    let wakeups = Wakeups::none();

    wakeups.ring("default");

    assert_eq!((wakeups.hearing(), wakeups.sent()), (Hearing::Polling, 0));
    wakeups.becomes(Hearing::Polling).await;
    assert!(timeout(Duration::from_secs(60), wakeups.listen(&default_lane()).rung()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_ready_only_while_it_has_a_session_and_keeps_its_lease() {
    let world = World::new();
    let worker = world.engine.worker(WorkerSettings::default());
    let (vitals, stop, tasks) = (worker.vitals(), Tasks::new().stop_token(), Tasks::new());
    let lease = WorkerSettings::default().lease;
    assert_eq!(vitals.ready(), Err(NotReady::NoSession));

    let told = stop.clone();
    let handle = tasks.spawn("worker", async move { worker.run(told).await });
    let session = vitals.opened().await;
    sleep(lease * 2).await;
    assert_eq!((vitals.ready(), vitals.session()), (Ok(()), Some(session)));

    world.store.set_away(true);
    sleep(lease * 2).await;
    assert_eq!(vitals.ready(), Err(NotReady::NoSession));

    world.store.set_away(false);
    let next = timeout(lease, vitals.opened()).await.expect("it opens another session");
    assert_ne!(next, session, "every boot has an id of its own");
    assert_eq!(vitals.ready(), Ok(()));

    stop.cancel();
    assert_eq!(vitals.ready(), Err(NotReady::Draining));
    handle.await.expect("it was not aborted").expect("it did not panic").expect("it ran");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_released_wakes_who_works_in_its_lane() {
    let (world, hub, tasks) = (World::new(), Hub::new(), Tasks::new());
    let (here, there) = two_engines(&world, &hub, &tasks).await;
    world.script.fails("job", ActionErrorKind::Failed);
    let worker = world.work_as(&there, WorkerSettings { lanes: vec!["bulk".to_owned()], ..patient() });
    let job =
        JobRequest { lane: "bulk".to_owned(), ..JobRequest::new("test/x".parse().unwrap(), Map::new()) };
    here.enqueue(vec![job]).await.unwrap();
    let letter = loop {
        match here.quarantined(None, 1).await.unwrap().pop() {
            Some(letter) => break letter,
            None => sleep(Duration::from_millis(10)).await,
        }
    };
    sleep(Duration::from_secs(60)).await;
    world.script.mend("job");

    let began = Instant::now();
    here.release(letter.id).await.unwrap();
    world.called("job", 2).await;

    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    worker.stop().await;
}
