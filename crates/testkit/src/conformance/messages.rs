//! What reaches an execution from outside.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, MessageId, TaskId};
use codeflow_engine::{Advance, ChildEnded, ErrorKind, Message, MessageBody, NewTask, Work};
use serde_json::json;

use super::Subject;
use super::subject::{advance, step_name};

fn bodies() -> Vec<MessageBody> {
    let zero = "zero \u{0} ü".to_owned();
    vec![
        MessageBody::Signal { event: zero.clone(), payload: json!({ "n": u64::MAX, "text": zero }) },
        MessageBody::Decide {
            step: step_name("signoff"),
            approved: true,
            by: "ana".to_owned(),
            comment: None,
        },
        MessageBody::Cancel { by: "ana".to_owned(), reason: Some("wrong branch".to_owned()) },
        MessageBody::Pause { by: "ana".to_owned(), reason: None },
        MessageBody::Resume { by: "ana".to_owned(), budget: None },
        MessageBody::Resume { by: "ana".to_owned(), budget: Some("1.25".parse().unwrap()) },
        MessageBody::Restart { from: Some(step_name("scan")), by: "ana".to_owned() },
        MessageBody::Abandon { task: TaskId::generate(&crate::SequentialIds::new()), by: "ana".to_owned() },
        MessageBody::Ended(ChildEnded {
            generation: 1,
            path: "each[2]".parse().expect("it is a path"),
            child: ExecutionId::from_uuid(MessageId::generate(&crate::SequentialIds::new()).uuid()),
            status: ExecutionStatus::TimedOut,
            outputs: Some(std::sync::Arc::new(json!({ "n": [1.5, null] }))),
            error: None,
        }),
    ]
}

fn inbox_task(subject: &Subject) -> NewTask {
    NewTask { work: Work::Inbox, ..subject.task("any") }
}

/// Reading is a part of a move; what was read is gone, and what came later stays.
pub async fn messages_are_read_in_order_and_only_once(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let (other, _) = subject.started(1).await;
    let session = subject.session().await;
    let mut sent = Vec::new();
    for body in bodies() {
        let message = Message { id: subject.message_id(), body };
        subject.store.send(id, message.clone(), inbox_task(subject)).await.unwrap();
        sent.push(message);
    }
    let for_other = Message { id: subject.message_id(), body: bodies().remove(2) };
    subject.store.send(other, for_other.clone(), inbox_task(subject)).await.unwrap();

    let waiting = subject.store.inbox(id).await.unwrap();
    let stale = Advance { read: vec![sent[3].id], ..advance(id, 9, vec![]) };
    let reading = Advance { read: vec![sent[0].id, sent[1].id], ..advance(id, 1, vec![]) };
    subject.flush(session, stale).await;
    subject.flush(session, reading).await;

    assert_eq!(waiting, sent);
    assert_eq!(subject.store.inbox(id).await.unwrap(), sent[2..]);
    assert_eq!(subject.store.inbox(other).await.unwrap(), [for_other]);
}

/// Somebody is told to read it.
pub async fn a_message_brings_its_task(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    let session = subject.session().await;
    let message = Message { id: subject.message_id(), body: bodies().remove(2) };
    let task = NewTask { priority: 10, ..inbox_task(subject) };

    subject.store.send(id, message, task.clone()).await.unwrap();

    let claimed = subject.claim(session, 10).await.tasks;
    let found: Vec<_> = claimed.iter().map(|task| (task.id, task.execution, task.work.clone())).collect();
    assert_eq!(found[0], (task.id, id, Work::Inbox));
    assert_eq!(found[1].0, tasks[0]);
}

/// A sender that does not know whether it was heard may say it again.
pub async fn a_message_that_is_sent_twice_is_one(subject: &Subject) {
    let (id, _) = subject.started(0).await;
    let session = subject.session().await;
    let message = Message { id: subject.message_id(), body: bodies().remove(2) };

    subject.store.send(id, message.clone(), inbox_task(subject)).await.unwrap();
    subject.store.send(id, message.clone(), inbox_task(subject)).await.unwrap();

    assert_eq!(subject.store.inbox(id).await.unwrap(), std::slice::from_ref(&message));
    assert_eq!(subject.claim(session, 10).await.tasks.len(), 1);
    let reading = Advance { read: vec![message.id], ..advance(id, 1, vec![]) };
    subject.flush(session, reading).await;
    subject.store.send(id, message.clone(), inbox_task(subject)).await.unwrap();
    assert_eq!(subject.store.inbox(id).await.unwrap(), [message]);
}

/// It does not wait for an execution that might come.
pub async fn a_message_to_nobody_is_refused(subject: &Subject) {
    let unknown = subject.id(ExecutionId::generate);
    let message = Message { id: subject.message_id(), body: bodies().remove(2) };

    let refused = subject.store.send(unknown, message, inbox_task(subject)).await.unwrap_err();

    let session = subject.session().await;
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert!(subject.claim(session, 10).await.tasks.is_empty());
    assert!(subject.store.inbox(unknown).await.unwrap().is_empty());
}
