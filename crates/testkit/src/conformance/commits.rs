//! Moves of executions.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{Advance, Claim, Ending, Flushed, LogLine, NewTask, Work};
use serde_json::json;

use super::Subject;
use super::subject::{advance, settled, step_name};

/// Everything that a move says is there afterwards.
pub async fn a_move_is_written_whole(subject: &Subject) {
    let (id, tasks) = subject.started(2).await;
    let session = subject.session().await;
    subject.claim(session, 1).await;
    let next = subject.task("next");
    let mut later = NewTask { work: Work::Expire(step_name("next")), ..subject.task("next") };
    later.after = Some(Duration::from_secs(60));
    let wanted = Advance {
        status: ExecutionStatus::Waiting,
        done: vec![tasks[0]],
        tasks: vec![next.clone(), later.clone()],
        ..advance(id, 1, vec![settled("step0", json!(1))])
    };

    let flushed = subject.flush(session, wanted.clone()).await;

    let snapshot = subject.read(id).await;
    assert_eq!(flushed, Flushed::Committed);
    assert_eq!((snapshot.record.status, snapshot.record.seq), (ExecutionStatus::Waiting, 2));
    assert_eq!(snapshot.facts, [(0, wanted.facts[0].clone())]);
    let open: Vec<_> = snapshot.tasks.iter().map(|task| (task.id, task.delayed)).collect();
    assert_eq!(open, [(tasks[1], false), (next.id, false), (later.id, true)]);
    let claimed = subject.claim(session, 10).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), [tasks[1], next.id]);
}

/// The journal is a sequence.
pub async fn facts_come_back_in_the_order_of_their_commits(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let names = ["zeta", "alpha", "mid", "beta", "omega", "chi"];
    for (seq, pair) in (1..).zip(names.chunks(2)) {
        let facts = pair.iter().map(|name| settled(name, json!(name))).collect();
        assert_eq!(subject.flush(session, advance(id, seq, facts)).await, Flushed::Committed);
    }

    let facts = subject.read(id).await.facts;

    let paths: Vec<String> = facts.iter().map(|(_, fact)| fact.path()).collect();
    assert_eq!(paths, names);
}

/// Which facts were decided together can be told from their numbers.
pub async fn each_fact_has_the_number_of_its_commit(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    for (seq, names) in (1..).zip([&["b", "a"][..], &[], &["c", "b"], &["d"]]) {
        let facts = names.iter().map(|name| settled(name, json!(name))).collect();
        assert_eq!(subject.flush(session, advance(id, seq, facts)).await, Flushed::Committed);
    }

    let commits = subject.store.commits(id).await.unwrap();

    // The second `b` came too late.
    assert_eq!(commits, [2, 2, 4, 5]);
    assert_eq!(subject.read(id).await.facts.len(), commits.len());
    assert_eq!(subject.store.commits(subject.id(ExecutionId::generate)).await.unwrap(), [0; 0]);
}

/// Whoever knows a part asks for the rest.
pub async fn a_reader_gets_only_what_is_newer(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    subject.flush(session, advance(id, 1, vec![settled("a", json!(1))])).await;
    let known = subject.read(id).await.record.seq;
    subject.flush(session, advance(id, 2, vec![settled("b", json!(2))])).await;

    let newer = subject.store.read(id, Some(known)).await.unwrap().unwrap();
    let nothing = subject.store.read(id, Some(newer.record.seq)).await.unwrap().unwrap();

    assert_eq!(newer.facts, [(0, settled("b", json!(2)))]);
    assert!(nothing.facts.is_empty());
}

/// A conflict is one execution's own affair.
pub async fn a_move_that_lost_a_race_leaves_no_trace_and_disturbs_nobody(subject: &Subject) {
    let (stale, stale_tasks) = subject.started(1).await;
    let (fresh, _) = subject.started(1).await;
    let session = subject.session().await;
    subject.flush(session, advance(stale, 1, vec![settled("a", json!(1))])).await;
    let line = |path: &str| LogLine {
        at: Timestamp::from_micros(7),
        path: path.to_owned(),
        message: "done".to_owned(),
    };
    let lost = Advance {
        status: ExecutionStatus::Succeeded,
        stopping: true,
        ending: Some(Ending { outputs: Some(Arc::new(json!("x".repeat(9_000)))), error: None }),
        done: stale_tasks.clone(),
        tasks: vec![subject.task("never")],
        logs: vec![line("never")],
        ..advance(stale, 1, vec![settled("never", json!("y".repeat(9_000)))])
    };
    let batch = subject.wanted(0).batch;
    let small = Advance {
        done: stale_tasks.clone(),
        tasks: vec![NewTask { taken: Some(batch), ..subject.task("never") }],
        ..advance(stale, 1, vec![settled("never", json!("y"))])
    };
    let before = subject.read(stale).await;
    let won = Advance { logs: vec![line("b")], ..advance(fresh, 1, vec![settled("b", json!(2))]) };

    let alone = subject.flush(session, small).await;
    let flushed = subject.store.flush(session, vec![lost, won]).await.unwrap();

    assert_eq!(alone, Flushed::Conflict);
    assert_eq!(flushed, [Flushed::Conflict, Flushed::Committed]);
    let asked = Claim { batch, ..subject.wanted(0) };
    assert_eq!(subject.store.claim(session, asked).await.unwrap().tasks, [], "nothing is held");
    assert_eq!(subject.read(stale).await, before);
    assert!(subject.store.logs(stale, 0, 10).await.unwrap().is_empty());
    assert_eq!(subject.renew(session, Duration::from_secs(60), &[stale]).await.unwrap(), []);
    assert_eq!(subject.read(fresh).await.facts, [(0, settled("b", json!(2)))]);
    assert_eq!(subject.store.logs(fresh, 0, 10).await.unwrap(), [line("b")]);
}

/// A result is committed once, whoever else has one.
pub async fn the_first_fact_under_a_key_wins(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    subject.flush(session, advance(id, 1, vec![settled("a", json!("first"))])).await;

    let second = advance(id, 2, vec![settled("a", json!("second")), settled("b", json!("new"))]);
    let flushed = subject.flush(session, second).await;
    let third = subject.flush(session, advance(id, 3, vec![settled("a", json!("third"))])).await;

    assert_eq!((flushed, third), (Flushed::Committed, Flushed::Committed));
    let facts = subject.read(id).await.facts;
    assert_eq!(facts, [(0, settled("a", json!("first"))), (0, settled("b", json!("new")))]);
}

/// The second was planned without the first.
pub async fn a_second_move_of_one_execution_in_one_flush_conflicts(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let moves = vec![
        advance(id, 1, vec![settled("a", json!(1))]),
        advance(id, 1, vec![settled("b", json!(1))]),
        advance(id, 2, vec![settled("c", json!(1))]),
    ];

    let flushed = subject.store.flush(session, moves).await.unwrap();

    assert_eq!(flushed, [Flushed::Committed, Flushed::Conflict, Flushed::Conflict]);
    assert_eq!(subject.read(id).await.facts, [(0, settled("a", json!(1)))]);
}

/// There is nothing to move.
pub async fn a_move_of_an_unknown_execution_conflicts(subject: &Subject) {
    let session = subject.session().await;
    let unknown = subject.id(ExecutionId::generate);

    assert_eq!(subject.flush(session, advance(unknown, 1, vec![])).await, Flushed::Conflict);
    assert!(subject.store.flush(session, vec![]).await.unwrap().is_empty());
}

/// A step that runs again has a result again, and the old one stays in the journal.
pub async fn a_restart_opens_a_generation_and_clears_the_ending(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let ended = Advance {
        status: ExecutionStatus::Failed,
        ending: Some(Ending { outputs: Some(Arc::new(json!(1))), error: None }),
        ..advance(id, 1, vec![settled("a", json!("old"))])
    };
    subject.flush(session, ended).await;
    let finished = subject.read(id).await.record;
    let restarted = Fact::Restarted { steps: vec![step_name("a")] };
    let task = subject.task("a");
    let again = Advance {
        generation: 1,
        tasks: vec![task.clone()],
        ..advance(id, 2, vec![restarted.clone(), settled("a", json!("new"))])
    };

    let flushed = subject.flush(session, again).await;

    let snapshot = subject.read(id).await;
    assert_eq!(flushed, Flushed::Committed);
    assert!(finished.finished_at.is_some() && finished.outputs.is_some());
    assert_eq!((snapshot.record.generation, snapshot.record.status), (1, ExecutionStatus::Running));
    assert_eq!((snapshot.record.finished_at, snapshot.record.outputs), (None, None));
    let journal = [(0, settled("a", json!("old"))), (1, restarted), (1, settled("a", json!("new")))];
    assert_eq!(snapshot.facts, journal);
    let claimed = subject.claim(session, 10).await.tasks;
    let generation = claimed.iter().find(|found| found.id == task.id).map(|found| found.generation);
    assert_eq!(generation, Some(1));
}

/// A message that comes too late is a move, too, but not another end.
pub async fn an_ending_that_is_stated_again_keeps_its_time(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let ended = |seq| Advance {
        status: ExecutionStatus::Succeeded,
        ending: Some(Ending { outputs: Some(Arc::new(json!(1))), error: None }),
        ..advance(id, seq, vec![])
    };
    subject.flush(session, ended(1)).await;
    let first = subject.read(id).await.record;
    let mut asked = 0;
    let some_time = async || {
        asked += 1;
        (asked > 2).then_some(())
    };
    subject.until("a moment", some_time).await;

    subject.flush(session, ended(2)).await;

    let second = subject.read(id).await.record;
    assert_eq!((second.seq, &second.outputs), (3, &first.outputs));
    assert_eq!(second.finished_at, first.finished_at);
}

/// Lines stay in the order in which they were written.
pub async fn the_log_is_read_in_pages(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let line = |n: i64| LogLine {
        at: Timestamp::from_micros(n),
        path: "scan".to_owned(),
        message: format!("line {n}"),
    };
    for seq in 1..=3 {
        let logs = vec![line(seq * 2), line(seq * 2 + 1)];
        subject.flush(session, Advance { logs, ..advance(id, seq, vec![]) }).await;
    }

    let first = subject.store.logs(id, 0, 4).await.unwrap();
    let rest = subject.store.logs(id, 4, 4).await.unwrap();

    assert_eq!(first, [line(2), line(3), line(4), line(5)]);
    assert_eq!(rest, [line(6), line(7)]);
}
