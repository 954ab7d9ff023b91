//! Many at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{BatchId, ExecutionId, SessionId, TaskId};
use codeflow_engine::{Advance, Claim, Dead, Flushed, NewTask, Renewal, Session, Store, Task};
use serde_json::json;
use tokio::task::JoinSet;

use super::Subject;
use super::subject::{advance, settled};

const WORKERS: usize = 8;

/// However many ask, each task is given out once.
pub async fn two_workers_never_claim_one_task(subject: &Subject) {
    const TASKS: usize = 200;
    let (_, tasks) = subject.started(TASKS).await;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let session = subject.session().await;
        let claims: Vec<Claim> = (0..TASKS).map(|_| subject.wanted(7)).collect();
        let store = Arc::clone(&subject.store);
        workers.spawn(async move {
            let mut mine = Vec::new();
            for claim in claims {
                let claimed = store.claim(session, claim).await.unwrap().tasks;
                if claimed.is_empty() {
                    break;
                }
                mine.extend(claimed.into_iter().map(|task| task.id));
            }
            mine
        });
    }

    let mut claimed: Vec<TaskId> = workers.join_all().await.into_iter().flatten().collect();
    let rest = subject.session().await;
    claimed.extend(subject.claim(rest, 1_000).await.tasks.into_iter().map(|task| task.id));

    claimed.sort_unstable();
    assert_eq!(claimed, tasks);
}

/// Neither sees the other's result. One commits; the other is told, looks again, and sees both.
pub async fn two_parents_that_end_at_once_both_count(subject: &Subject) {
    for _ in 0..10 {
        let (id, tasks) = subject.started(2).await;
        let (left, right) = (subject.session().await, subject.session().await);
        let result = |step: &str, task: TaskId| Advance {
            done: vec![task],
            ..advance(id, 1, vec![settled(step, json!(step))])
        };
        let (first, second) = tokio::join!(
            subject.store.flush(left, vec![result("a", tasks[0])]),
            subject.store.flush(right, vec![result("b", tasks[1])]),
        );
        let flushed = [first.unwrap()[0], second.unwrap()[0]];

        let committed = flushed.iter().filter(|flushed| **flushed == Flushed::Committed).count();
        assert_eq!(committed, 1, "{flushed:?}");
        let (loser, step, task) =
            if flushed[0] == Flushed::Conflict { (left, "a", tasks[0]) } else { (right, "b", tasks[1]) };
        let seen = subject.read(id).await;
        assert_eq!((seen.record.seq, seen.facts.len()), (2, 1));
        let join = subject.task("join");
        let again = Advance { expected_seq: 2, tasks: vec![join.clone()], ..result(step, task) };
        assert_eq!(subject.flush(loser, again).await, Flushed::Committed);
        let snapshot = subject.read(id).await;
        let paths: HashSet<String> = snapshot.facts.iter().map(|(_, fact)| fact.path()).collect();
        assert_eq!(paths, HashSet::from(["a".to_owned(), "b".to_owned()]));
        assert_eq!(snapshot.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [join.id]);
        let ended = Advance { done: vec![join.id], ..advance(id, 3, vec![]) };
        subject.flush(loser, ended).await;
    }
}

/// Looks at an execution until it has recorded `facts` facts. Its open task is the one that they made due.
async fn watch(store: Arc<dyn Store>, id: ExecutionId, due_after: HashMap<TaskId, usize>, facts: usize) {
    loop {
        let seen = store.read(id, None).await.unwrap().expect("it was started");
        for task in &seen.tasks {
            assert_eq!(due_after[&task.id], seen.facts.len(), "at number {}", seen.record.seq);
        }
        if seen.facts.len() == facts {
            return;
        }
    }
}

/// An attempt is made from what its worker read, so a task must not be ahead of the facts that it needs.
pub async fn a_reader_sees_no_task_without_the_facts_that_made_it_due(subject: &Subject) {
    const MOVES: usize = 80;
    let (id, first) = subject.started(1).await;
    let session = subject.session().await;
    let next: Vec<NewTask> = (0..MOVES).map(|_| subject.task("next")).collect();
    let all = first.iter().copied().chain(next.iter().map(|task| task.id));
    let due_after: HashMap<TaskId, usize> = all.zip(0..).collect();
    let mut readers = JoinSet::new();
    for _ in 0..2 {
        readers.spawn(watch(Arc::clone(&subject.store), id, due_after.clone(), MOVES));
    }

    let mut done = first;
    for (seq, task) in (1..).zip(next) {
        let due = vec![task.id];
        let fact = settled(&format!("s{seq}"), json!(seq));
        subject.flush(session, Advance { done, tasks: vec![task], ..advance(id, seq, vec![fact]) }).await;
        done = due;
    }

    readers.join_all().await;
}

/// A worker of the last case: it claims, finishes what it claimed in batches, renews, promotes, and
/// drops a few tasks on the floor by dying.
struct Worker {
    store: Arc<dyn Store>,
    session: Session,
    batches: Vec<BatchId>,
    next: Vec<NewTask>,
}

impl Worker {
    async fn run(mut self) {
        while let Some(batch) = self.batches.pop() {
            let lanes = vec!["default".to_owned()];
            let claim = Claim { batch, lanes, limit: 5, suspect: batch.uuid().as_u128().is_multiple_of(3) };
            let claimed = self.store.claim(self.session, claim).await.unwrap().tasks;
            self.finish(claimed).await;
            self.store.promote(10).await.unwrap();
            self.store.recover(Dead::Expired).await.unwrap();
            self.store
                .renew(self.session, Renewal { ttl: Duration::from_secs(600), ..Renewal::default() })
                .await
                .unwrap();
        }
        self.store.close_session(self.session).await.unwrap();
    }

    /// Commits the ends of several executions at once, and tries again for those that lost a race.
    async fn finish(&mut self, mut claimed: Vec<Task>) {
        while !claimed.is_empty() {
            let mut moves: Vec<Advance> = Vec::new();
            for task in &claimed {
                if moves.iter().any(|other| other.execution == task.execution) {
                    continue;
                }
                let seq = self.store.read(task.execution, None).await.unwrap().unwrap().record.seq;
                let fact = settled(&format!("t{}", task.id.uuid().simple()), json!("x".repeat(9_000)));
                let tasks = self.next.pop().into_iter().collect();
                let done = vec![task.id];
                moves.push(Advance { done, tasks, ..advance(task.execution, seq, vec![fact]) });
            }
            let done: Vec<TaskId> = moves.iter().map(|one| one.done[0]).collect();
            let spare: Vec<Vec<NewTask>> = moves.iter().map(|one| one.tasks.clone()).collect();
            let flushed = self.store.flush(self.session, moves).await.unwrap();
            for ((flushed, task), spare) in flushed.into_iter().zip(done).zip(spare) {
                match flushed {
                    Flushed::Committed => claimed.retain(|other| other.id != task),
                    Flushed::Conflict => self.next.extend(spare),
                }
            }
        }
    }
}

/// Claims, commits, timers, recoveries and messages side by side: no deadlock, and each task ends once.
pub async fn everything_at_once_ends_with_nothing_lost(subject: &Subject) {
    let mut executions: Vec<ExecutionId> = Vec::new();
    for _ in 0..6 {
        executions.push(subject.started(10).await.0);
    }
    let dead = subject.session().await;
    subject.claim(dead, 8).await;
    subject.expire(dead).await;
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let delayed =
            |n: u64| NewTask { after: n.is_multiple_of(2).then_some(Duration::ZERO), ..subject.task("more") };
        let worker = Worker {
            store: Arc::clone(&subject.store),
            session: subject.session().await,
            batches: (0..15).map(|_| subject.id(BatchId::generate)).collect(),
            next: (0..6).map(delayed).collect(),
        };
        workers.spawn(worker.run());
    }
    workers.join_all().await;

    let last = Worker {
        store: Arc::clone(&subject.store),
        session: subject.session().await,
        batches: (0..60).map(|_| subject.id(BatchId::generate)).collect(),
        next: Vec::new(),
    };
    last.run().await;

    let mut facts = 0;
    for id in executions {
        let snapshot = subject.read(id).await;
        facts += snapshot.facts.len();
        assert_eq!(snapshot.tasks, []);
        assert_eq!(snapshot.record.status, ExecutionStatus::Running);
        assert_eq!(snapshot.record.seq, 1 + i64::try_from(snapshot.facts.len()).unwrap());
    }
    assert!(facts >= 60, "{facts} results of at least 60 tasks");
}

/// Ends all open tasks of these executions, wherever they are and whoever holds them.
async fn cancel_all(store: &dyn Store, session: Session, executions: &[ExecutionId]) {
    let mut moves = Vec::new();
    for id in executions {
        let snapshot = store.read(*id, None).await.unwrap().expect("it was started");
        // Who cancels does not hold them.
        let dropped = snapshot.tasks.iter().rev().map(|task| task.id).collect();
        moves.push(Advance { dropped, ..advance(*id, snapshot.record.seq, vec![]) });
    }
    store.flush(session, moves).await.unwrap();
}

/// A worker that claims and never finishes anything, and dies at the end.
async fn claim_and_die(store: Arc<dyn Store>, session: Session, claims: Vec<Claim>) {
    for claim in claims {
        store.promote(3).await.unwrap();
        store.claim(session, claim).await.unwrap();
    }
    store.renew(session, Renewal { ttl: Duration::from_millis(1), ..Renewal::default() }).await.unwrap();
    store.recover(Dead::Expired).await.unwrap();
}

/// Cancels take away what others are just claiming, promoting and recovering. Nobody waits in a circle.
pub async fn cancels_cross_claims_and_recoveries_without_a_deadlock(subject: &Subject) {
    let version = subject.workflow("review").await;
    let canceller = subject.session().await;
    for _ in 0..5 {
        let mut executions = Vec::new();
        for _ in 0..4 {
            let after = |n: u32| n.is_multiple_of(2).then_some(Duration::ZERO);
            let tasks = (0..12).map(|n| NewTask { after: after(n), ..subject.task("any") }).collect();
            let new = subject.execution(&version, tasks);
            executions.push(new.id);
            subject.store.start(new).await.unwrap();
        }
        let mut workers = JoinSet::new();
        for _ in 0..4 {
            let id = subject.id(SessionId::generate);
            let session = subject.store.open_session(id, Duration::from_secs(600)).await.unwrap();
            let claims = (0..6).map(|n| Claim { suspect: n == 5, ..subject.wanted(3) }).collect();
            workers.spawn(claim_and_die(Arc::clone(&subject.store), session, claims));
        }
        for reversed in [false, true] {
            let (store, mut some) = (Arc::clone(&subject.store), executions.clone());
            if reversed {
                some.reverse();
            }
            workers.spawn(async move {
                for part in some.chunks(2).chain([some.as_slice()]) {
                    cancel_all(store.as_ref(), canceller, part).await;
                }
            });
        }
        workers.join_all().await;

        cancel_all(subject.store.as_ref(), canceller, &executions).await;
        for id in executions {
            assert_eq!(subject.read(id).await.tasks, []);
        }
    }
    let last = subject.session().await;
    subject.store.promote(1_000).await.unwrap();
    assert!(subject.claim(last, 100).await.tasks.is_empty());
}
