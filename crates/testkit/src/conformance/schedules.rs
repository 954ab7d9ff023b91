//! Schedules: when they are due, and that each slot is decided about once.

use std::sync::Arc;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::schedule::{CatchUp, Overlap, Schedule, Turn};
use codeflow_core::workflow::VersionId;
use codeflow_core::{ExecutionId, Ids, ScheduleId, Tenant, Timestamp};
use codeflow_engine::{
    Ending, ErrorKind, Fired, Firing, NewSchedule, PendingSlot, ScheduleRecord, SlotOutcome,
};
use tokio::task::JoinSet;

use super::Subject;
use super::subject::{advance, workflow_name};

/// A time that does not come while a test runs.
pub(super) const NEW_YEAR: &str = "0 0 1 1 *";
const EVERY_SECOND: &str = "* * * * * *";

pub(super) fn schedule(cron: &str, overlap: Overlap) -> Schedule {
    let times = cron.parse().expect("a test's schedule has a good expression");
    let zone = "Europe/Berlin".parse().expect("there is such a zone");
    Schedule { overlap, catch_up: CatchUp::All { limit: 7 }, ..Schedule::new(times, zone) }
}

/// Keeps a version of a workflow that is started at these times.
pub(super) async fn keep(subject: &Subject, workflow: &str, schedules: &[Schedule]) -> VersionId {
    let version = VersionId::from_hash(format!("{workflow}-{}", subject.message_id()));
    again(subject, workflow, &version, schedules).await;
    version
}

async fn again(subject: &Subject, workflow: &str, version: &VersionId, schedules: &[Schedule]) {
    let mut new = subject.version(workflow, version);
    let name = workflow_name(workflow);
    new.schedules = schedules
        .iter()
        .map(|schedule| NewSchedule {
            id: schedule.id(&Tenant::default(), &name),
            schedule: schedule.clone(),
        })
        .collect();
    subject.store.put_version(new).await.unwrap();
}

async fn list(subject: &Subject, workflow: &str) -> Vec<ScheduleRecord> {
    subject.store.list_schedules(Some(&workflow_name(workflow)), None, 100).await.unwrap()
}

/// The only schedule of the workflow `review`.
pub(super) async fn only(subject: &Subject) -> ScheduleRecord {
    let mut records = list(subject, "review").await;
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// The decision to start the slot that a schedule waits for.
fn firing(record: &ScheduleRecord) -> Firing {
    let expected = record.next_at.expect("it waits for a slot");
    let turn = Turn { slot: Some(expected), next: record.schedule.next(expected) };
    Firing { id: record.id, expected, turn }
}

/// Decides about the slot that the only schedule waits for.
async fn fire(subject: &Subject) -> (Timestamp, SlotOutcome) {
    let record = only(subject).await;
    match subject.store.fire(firing(&record)).await.unwrap() {
        Fired::Decided(outcome) => (firing(&record).expected, outcome),
        Fired::Lost => unreachable!("nobody else decides"),
    }
}

pub(super) async fn pending(subject: &Subject) -> Vec<PendingSlot> {
    subject.store.pending_slots(100).await.unwrap()
}

/// Starts an execution for a slot that is pending.
pub(super) async fn start(subject: &Subject, id: ScheduleId, slot: Timestamp) -> ExecutionId {
    let version = only(subject).await.version;
    let execution = subject.execution(&version, vec![subject.task("diff")]);
    let started = execution.id;
    subject.store.start(execution).await.unwrap();
    subject.store.settle_slot(id, slot, Some(started)).await.unwrap();
    started
}

pub(super) async fn end(subject: &Subject, execution: ExecutionId) {
    let mut ending = advance(execution, subject.read(execution).await.record.seq, Vec::new());
    ending.status = ExecutionStatus::Succeeded;
    ending.ending = Some(Ending { outputs: None, error: None });
    let session = subject.session().await;
    subject.flush(session, ending).await;
}

/// A schedule waits for its first slot from the moment it is kept.
pub async fn a_schedule_is_read_back_whole(subject: &Subject) {
    let yearly = schedule(NEW_YEAR, Overlap::Replace);
    let before = subject.store.due_schedules(10).await.unwrap().now;
    let version = keep(subject, "review", std::slice::from_ref(&yearly)).await;

    let record = only(subject).await;

    assert_eq!(record.id, yearly.id(&Tenant::default(), &workflow_name("review")));
    assert_eq!((record.workflow, record.version), (workflow_name("review"), version));
    assert_eq!((record.enabled, record.last), (true, None));
    assert_eq!(record.next_at, yearly.next(before));
    assert_eq!(record.schedule, yearly);
}

/// What a new version still says goes on as it was; what it does not say any more is gone.
pub async fn a_new_version_replaces_the_schedules(subject: &Subject) {
    let [gone, kept, new] = [NEW_YEAR, EVERY_SECOND, "0 0 2 1 *"].map(|cron| schedule(cron, Overlap::Skip));
    keep(subject, "review", &[gone.clone(), kept.clone()]).await;
    keep(subject, "other", std::slice::from_ref(&gone)).await;
    let id = kept.id(&Tenant::default(), &workflow_name("review"));
    subject.store.enable_schedule(id, false).await.unwrap();
    let before = list(subject, "review").await.into_iter().find(|record| record.id == id).expect("kept");

    let changed = Schedule { overlap: Overlap::Allow, catch_up: CatchUp::Latest, ..kept.clone() };
    let version = keep(subject, "review", &[changed.clone(), new.clone()]).await;

    let mut records = list(subject, "review").await;
    records.sort_by_key(|record| record.id != id);
    assert_eq!(records.len(), 2);
    assert_eq!(records[0], ScheduleRecord { version, schedule: changed, ..before });
    assert_eq!(records[1].schedule, new);
    assert_eq!(list(subject, "other").await.len(), 1, "another workflow keeps its own");
}

/// Keeping an equal version changes nothing.
pub async fn an_equal_version_leaves_its_schedules_alone(subject: &Subject) {
    let schedules = [schedule(EVERY_SECOND, Overlap::Skip)];
    let version = keep(subject, "review", &schedules).await;
    fire(subject).await;
    let before = only(subject).await;

    again(subject, "review", &version, &schedules).await;

    assert_eq!(only(subject).await, before);
}

/// Schedules are listed by their names, in pages.
pub async fn schedules_are_listed_in_pages(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Skip), schedule("0 0 2 1 *", Overlap::Skip)]).await;
    keep(subject, "other", &[schedule(NEW_YEAR, Overlap::Skip)]).await;

    let first = subject.store.list_schedules(None, None, 2).await.unwrap();
    let second = subject.store.list_schedules(None, Some(first[1].id), 2).await.unwrap();

    let ids: Vec<ScheduleId> = first.iter().chain(&second).map(|record| record.id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted());
}

/// Storage's clock says what is due.
pub async fn only_what_has_come_is_due(subject: &Subject) {
    keep(subject, "review", &[schedule(EVERY_SECOND, Overlap::Skip)]).await;
    keep(subject, "other", &[schedule(NEW_YEAR, Overlap::Skip)]).await;
    let record = only(subject).await;

    let due = subject
        .until("a schedule that is due", async || {
            let due = subject.store.due_schedules(10).await.unwrap();
            (!due.schedules.is_empty()).then_some(due)
        })
        .await;

    assert_eq!(due.schedules, std::slice::from_ref(&record));
    assert!(Some(due.now) >= record.next_at);
    let others = list(subject, "other").await[0].next_at.expect("it waits");
    assert_eq!(due.next, Some(others.since(due.now)));
}

/// Of those who look at the same slot, one decides.
pub async fn a_slot_is_decided_about_once(subject: &Subject) {
    let version = keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Allow)]).await;
    let firing = firing(&only(subject).await);

    let mut firings = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&subject.store);
        firings.spawn(async move { store.fire(firing).await.unwrap() });
    }
    let fired = firings.join_all().await;

    let won = fired.iter().filter(|fired| **fired == Fired::Decided(SlotOutcome::Pending)).count();
    assert_eq!((won, fired.iter().filter(|fired| **fired == Fired::Lost).count()), (1, 7));
    let slot = PendingSlot { schedule: firing.id, slot: firing.expected, version, overlap: Overlap::Allow };
    assert_eq!(pending(subject).await, [slot]);
    let record = only(subject).await;
    assert_eq!(record.next_at, firing.turn.next);
    assert_eq!(record.last, Some((firing.expected, SlotOutcome::Pending)));
}

/// A slot that is lost leaves nothing to start.
pub async fn a_missed_slot_is_not_started(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Skip)]).await;
    let mut missed = firing(&only(subject).await);
    missed.turn.slot = None;

    let fired = subject.store.fire(missed).await.unwrap();

    assert_eq!(fired, Fired::Decided(SlotOutcome::Missed));
    assert_eq!(pending(subject).await, []);
    assert_eq!(only(subject).await.last, Some((missed.expected, SlotOutcome::Missed)));
}

/// A pending slot is settled once, and stays so.
pub async fn a_pending_slot_waits_until_it_is_settled(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Allow)]).await;
    let id = only(subject).await.id;
    let (first, _) = fire(subject).await;
    let (second, _) = fire(subject).await;
    let slots: Vec<Timestamp> = pending(subject).await.iter().map(|pending| pending.slot).collect();
    assert_eq!(slots, [first, second], "the oldest first");

    let execution = start(subject, id, second).await;
    subject.store.settle_slot(id, second, None).await.unwrap();

    assert_eq!(pending(subject).await.len(), 1);
    assert_eq!(only(subject).await.last, Some((second, SlotOutcome::Started)));
    let later = second.after(std::time::Duration::from_secs(1));
    assert_eq!(subject.store.unfinished_before(id, later).await.unwrap(), [execution]);
}

/// What could not be started is noted, and does not stand in the way.
pub async fn a_slot_that_failed_is_over(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Skip)]).await;
    let id = only(subject).await.id;
    let (first, _) = fire(subject).await;

    subject.store.settle_slot(id, first, None).await.unwrap();

    assert_eq!(only(subject).await.last, Some((first, SlotOutcome::Failed)));
    assert_eq!(fire(subject).await.1, SlotOutcome::Pending);
}

/// A schedule that skips what overlaps waits for the end of what it started.
pub async fn a_slot_is_skipped_until_the_one_before_is_over(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Skip)]).await;
    let id = only(subject).await.id;
    let (first, _) = fire(subject).await;

    let while_pending = fire(subject).await.1;
    let execution = start(subject, id, first).await;
    let while_running = fire(subject).await.1;
    end(subject, execution).await;
    let afterwards = fire(subject).await;

    assert_eq!((while_pending, while_running), (SlotOutcome::Skipped, SlotOutcome::Skipped));
    assert_eq!(afterwards.1, SlotOutcome::Pending);
    assert_eq!(pending(subject).await.len(), 1);
}

/// Only executions of the slots before, and only those that are not over, can be replaced.
pub async fn what_can_be_replaced_is_earlier_and_not_over(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Replace)]).await;
    let id = only(subject).await.id;
    let mut executions = Vec::new();
    for _ in 0..3 {
        let (slot, outcome) = fire(subject).await;
        assert_eq!(outcome, SlotOutcome::Pending);
        executions.push((slot, start(subject, id, slot).await));
    }
    end(subject, executions[0].1).await;

    let found = subject.store.unfinished_before(id, executions[2].0).await.unwrap();

    assert_eq!(found, [executions[1].1]);
}

/// A paused schedule neither is due nor fires; a resumed one does not catch up.
pub async fn a_paused_schedule_rests(subject: &Subject) {
    keep(subject, "review", &[schedule(EVERY_SECOND, Overlap::Skip)]).await;
    let record = only(subject).await;
    subject.store.enable_schedule(record.id, false).await.unwrap();

    let expected = record.next_at.expect("it waits");
    let passed = subject
        .until("the slot", async || {
            let due = subject.store.due_schedules(10).await.unwrap();
            assert_eq!((due.schedules, due.next), (Vec::new(), None));
            (due.now >= expected).then_some(due.now)
        })
        .await;
    let fired = subject.store.fire(firing(&record)).await.unwrap();
    subject.store.enable_schedule(record.id, true).await.unwrap();

    assert_eq!(fired, Fired::Lost);
    let resumed = only(subject).await;
    assert!(resumed.enabled && resumed.next_at > Some(passed), "{resumed:?} at {passed}");
    subject.store.enable_schedule(record.id, true).await.unwrap();
    assert_eq!(only(subject).await, resumed, "resuming twice changes nothing");
}

/// A slot that was decided about is started even if its schedule is gone.
pub async fn a_removed_schedule_leaves_only_what_is_pending(subject: &Subject) {
    keep(subject, "review", &[schedule(NEW_YEAR, Overlap::Allow)]).await;
    let record = only(subject).await;
    let (slot, _) = fire(subject).await;
    let version = keep(subject, "review", &[]).await;

    let lost = subject.store.fire(firing(&record)).await.unwrap();
    let left = pending(subject).await;
    let execution = subject.execution(&version, Vec::new());
    subject.store.settle_slot(record.id, slot, Some(execution.id)).await.unwrap();

    assert_eq!(lost, Fired::Lost);
    assert_eq!(list(subject, "review").await, []);
    assert_eq!(left.iter().map(|left| (left.schedule, left.slot)).collect::<Vec<_>>(), [(record.id, slot)]);
    assert_eq!(pending(subject).await, []);
}

/// There is nothing to pause under an unknown name.
pub async fn an_unknown_schedule_is_not_found(subject: &Subject) {
    let unknown = ScheduleId::from_uuid(subject.id(|ids: &dyn Ids| ids.next()));

    let error = subject.store.enable_schedule(unknown, true).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotFound);
    subject.store.settle_slot(unknown, Timestamp::EPOCH, None).await.unwrap();
}
