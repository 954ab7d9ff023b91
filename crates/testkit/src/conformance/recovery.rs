//! Deaths: what is taken over, who is blamed, and who is not.

use codeflow_core::TaskId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Advance, Dead, ErrorKind, MAX_DEATHS, Recovered, Session, Task};
use serde_json::json;

use super::Subject;
use super::subject::{advance, settled};

fn ids(tasks: &[Task]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.id).collect()
}

/// A worker that claims `task` alone and dies of it.
pub(super) async fn die_of(subject: &Subject, task: TaskId) -> Recovered {
    let victim = subject.session().await;
    let mut claimed = subject.claim_suspect(victim).await.tasks;
    if claimed.is_empty() {
        claimed = subject.claim(victim, 1).await.tasks;
    }
    assert_eq!(ids(&claimed), [task]);
    subject.expire(victim).await;
    subject.store.recover(Dead::Expired).await.unwrap()
}

/// What was in flight with others may have killed the worker or not: it runs alone from then on.
pub async fn work_of_an_expired_session_goes_back_as_suspect(subject: &Subject) {
    let (_, tasks) = subject.started(3).await;
    let (dead, alive) = (subject.session().await, subject.session().await);
    subject.claim(dead, 2).await;
    subject.expire(dead).await;

    let recovered = subject.store.recover(Dead::Expired).await.unwrap();

    assert_eq!(recovered, Recovered { sessions: 1, tasks: 2, quarantined: vec![] });
    let ordinary = subject.claim(alive, 10).await;
    assert_eq!(ids(&ordinary.tasks), [tasks[2]], "a suspect is never in an ordinary batch");
    assert!(ordinary.suspects_waiting);
    let first = subject.claim_suspect(alive).await;
    assert_eq!((ids(&first.tasks), first.suspects_waiting), (vec![tasks[0]], true));
    let second = subject.claim_suspect(alive).await;
    assert_eq!((ids(&second.tasks), second.suspects_waiting), (vec![tasks[1]], false));
    assert_eq!(second.tasks[0].deaths, 0, "it was not alone");
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap(), Recovered::default());
}

/// A slow worker is not a dead one as long as it renews.
pub async fn a_live_session_is_left_alone(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    let alive = subject.session().await;
    subject.claim(alive, 1).await;

    let recovered = subject.store.recover(Dead::Expired).await.unwrap();

    assert_eq!(recovered, Recovered::default());
    let done = Advance { done: tasks, ..advance(id, 1, vec![settled("step0", json!(1))]) };
    subject.flush(alive, done).await;
    assert!(subject.read(id).await.tasks.is_empty());
}

/// A lock on the folder proves that no other engine lives, whatever the leases say.
pub async fn the_holder_of_the_folder_takes_over_from_everybody(subject: &Subject) {
    let (_, tasks) = subject.started(2).await;
    let (one, two, survivor) = (subject.session().await, subject.session().await, subject.session().await);
    subject.claim(one, 1).await;
    subject.claim(two, 1).await;

    let recovered = subject.store.recover(Dead::AllBut(survivor.id)).await.unwrap();

    assert_eq!((recovered.sessions, recovered.tasks), (2, 2));
    let mut back = subject.claim_suspect(survivor).await.tasks;
    back.extend(subject.claim_suspect(survivor).await.tasks);
    assert_eq!(ids(&back), tasks);
    assert!(back.iter().all(|task| task.deaths == 1), "each worker ran its task alone");
}

/// A task that is done with is no longer held.
pub async fn what_was_finished_before_a_death_stays_finished(subject: &Subject) {
    let (id, tasks) = subject.started(2).await;
    let (dead, alive) = (subject.session().await, subject.session().await);
    subject.claim(dead, 2).await;
    let retry = subject.task("step0");
    let finished = Advance {
        done: vec![tasks[0]],
        tasks: vec![retry.clone()],
        ..advance(id, 1, vec![settled("step0", json!(1))])
    };
    subject.flush(dead, finished).await;
    subject.expire(dead).await;

    let recovered = subject.store.recover(Dead::Expired).await.unwrap();

    assert_eq!(recovered.tasks, 1);
    assert_eq!(ids(&subject.claim(alive, 10).await.tasks), [retry.id]);
    let suspects = subject.claim_suspect(alive).await.tasks;
    assert_eq!((ids(&suspects), suspects[0].deaths), (vec![tasks[1]], 1));
}

/// Never a loop: it waits for a person.
pub async fn a_task_that_kills_three_workers_alone_is_quarantined(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    let poison = tasks[0];

    for death in 1..MAX_DEATHS {
        let recovered = die_of(subject, poison).await;
        assert_eq!((recovered.tasks, recovered.quarantined), (1, vec![]), "death {death}");
    }
    let last = die_of(subject, poison).await;

    let alive = subject.session().await;
    assert_eq!(last, Recovered { sessions: 1, tasks: 0, quarantined: vec![poison] });
    let nothing = subject.claim_suspect(alive).await;
    assert!(nothing.tasks.is_empty() && !nothing.suspects_waiting);
    let listed = subject.store.quarantined(None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].execution, listed[0].deaths), (poison, id, MAX_DEATHS));
    assert!(subject.store.quarantined(Some(poison), 10).await.unwrap().is_empty());
    let open = subject.read(id).await.tasks;
    assert!(open[0].quarantined && !open[0].delayed);
}

/// However often its batch dies.
pub async fn a_neighbour_is_never_blamed(subject: &Subject) {
    let (_, tasks) = subject.started(2).await;
    for _ in 0..=MAX_DEATHS {
        let victim = subject.session().await;
        subject.claim(victim, 2).await;
        while !subject.claim_suspect(victim).await.tasks.is_empty() {}
        subject.expire(victim).await;
        let recovered = subject.store.recover(Dead::Expired).await.unwrap();
        assert_eq!((recovered.tasks, recovered.quarantined), (2, vec![]));
    }

    let alive = subject.session().await;
    let first = subject.claim_suspect(alive).await.tasks;
    assert_eq!((first[0].id, first[0].deaths), (tasks[0], 0));
}

/// Its deaths are forgotten; it still runs alone.
pub async fn a_released_task_is_claimed_again(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    for _ in 0..MAX_DEATHS {
        die_of(subject, tasks[0]).await;
    }

    subject.store.release(tasks[0]).await.unwrap();

    let alive = subject.session().await;
    assert!(subject.store.quarantined(None, 10).await.unwrap().is_empty());
    assert!(subject.claim(alive, 10).await.tasks.is_empty());
    let claimed = subject.claim_suspect(alive).await.tasks;
    assert_eq!((claimed[0].id, claimed[0].deaths), (tasks[0], 0));
    let end = Advance { status: ExecutionStatus::Succeeded, done: tasks, ..advance(id, 1, vec![]) };
    subject.flush(alive, end).await;
    assert!(subject.read(id).await.tasks.is_empty());
}

/// There is nothing else to release.
pub async fn only_a_quarantined_task_can_be_released(subject: &Subject) {
    let (_, tasks) = subject.started(1).await;
    let unknown = subject.task("unknown").id;

    for task in [tasks[0], unknown] {
        let refused = subject.store.release(task).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotFound);
    }
    let session: Session = subject.session().await;
    assert_eq!(subject.claim(session, 10).await.tasks.len(), 1);
}
