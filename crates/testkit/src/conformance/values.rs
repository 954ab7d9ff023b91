//! Values: what goes in comes out.

use std::sync::Arc;

use codeflow_core::execution::{Caller, ExecutionStatus, Fact, Settled, StepPath, StepStatus};
use codeflow_core::{ExecutionId, TaskId, Timestamp};
use codeflow_engine::{Advance, Ending, Flushed, LogLine, NewExecution};
use serde_json::{Value, json};

use super::Subject;
use super::subject::{advance, settled, step_name};

/// Size changes where a payload is kept, and nothing else.
pub async fn large_payloads_come_back_whole(subject: &Subject) {
    let version = subject.workflow("review").await;
    let large = |mark: &str| json!({ "diff": mark.repeat(200_000) });
    let items = (0..3_000).map(|n| json!({ "path": format!("src/{n}.rs") })).collect();
    let new = NewExecution {
        inputs: Arc::new(large("i")),
        facts: vec![settled("diff", large("d"))],
        ..subject.execution(&version, vec![])
    };
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;
    let facts = vec![
        Fact::Expanded { step: step_name("each"), items: Arc::new(items) },
        Fact::Signalled {
            message: subject.message_id(),
            event: "go".to_owned(),
            payload: Arc::new(large("s")),
        },
        settled("copy", large("d")),
    ];
    let ending = Ending { outputs: Some(Arc::new(large("o"))), error: None };
    let last = Advance { ending: Some(ending.clone()), ..advance(new.id, 1, facts.clone()) };

    let flushed = subject.flush(session, last).await;

    let snapshot = subject.read(new.id).await;
    let all: Vec<Fact> = new.facts.iter().chain(&facts).cloned().collect();
    assert_eq!(flushed, Flushed::Committed);
    assert!(snapshot.record.inputs == new.inputs && snapshot.record.outputs == ending.outputs);
    assert!(snapshot.facts.into_iter().map(|(_, fact)| fact).eq(all));
    let listed = subject.store.list(Default::default(), 1).await.unwrap();
    // A list may leave out what is stored by itself.
    assert!(listed[0].inputs == new.inputs || listed[0].inputs.is_null());
    assert!(listed[0].outputs == ending.outputs || listed[0].outputs.is_none());
}

/// A diff may hold any character, the zero one included.
pub async fn any_text_comes_back_as_it_was(subject: &Subject) {
    let version = subject.workflow("review").await;
    let text = "zero \u{0} esc \\u0000 quote \" ü 漢 \u{1f980} \u{2028} \u{feff} \u{7f} \r\n";
    let value = json!({ text: [text, "\u{0}", ""] });
    let large = json!({ "diff": text.repeat(1_000) });
    let new = NewExecution {
        inputs: Arc::new(value.clone()),
        facts: vec![settled("small", value.clone()), settled("large", large.clone())],
        ..subject.execution(&version, vec![])
    };
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;
    let logs = vec![LogLine {
        at: Timestamp::EPOCH,
        path: String::new(),
        message: "ü 漢 \u{1f980} \\u0000".to_owned(),
    }];
    let cancelled = Fact::Cancelled { by: text.to_owned(), reason: Some(text.to_owned()) };
    let ending = Ending { outputs: Some(Arc::new(value.clone())), error: None };
    let next =
        Advance { ending: Some(ending), logs: logs.clone(), ..advance(new.id, 1, vec![cancelled.clone()]) };

    subject.flush(session, next).await;

    let snapshot = subject.read(new.id).await;
    let facts: Vec<Fact> = snapshot.facts.into_iter().map(|(_, fact)| fact).collect();
    assert_eq!(facts, [settled("small", value.clone()), settled("large", large), cancelled]);
    assert_eq!((&*snapshot.record.inputs, snapshot.record.outputs.as_deref()), (&value, Some(&value)));
    assert_eq!(subject.store.logs(new.id, 0, 10).await.unwrap(), logs);
}

/// Facts are told apart by their path and their kind, and whatever they say comes back.
pub async fn facts_of_every_kind_come_back(subject: &Subject) {
    let (id, _) = subject.started(0).await;
    let session = subject.session().await;
    let path: StepPath = "each[3]".parse().expect("it is a path");
    let child = subject.id(ExecutionId::generate);
    let (by, reason) = ("ana".to_owned(), None);
    let task = subject.id(TaskId::generate);
    let large = Settled {
        path: path.clone(),
        status: StepStatus::Succeeded,
        outputs: Some(Arc::new(json!({ "text": "o".repeat(100_000) }))),
        error: None,
        attempt: 2,
        began: Some(Timestamp::EPOCH),
        ended: Timestamp::EPOCH,
    };
    let facts = vec![
        Fact::CalledBy(Caller { execution: child, generation: 1, path: path.clone(), depth: 3 }),
        Fact::Called { path: path.clone(), child, since: Timestamp::EPOCH },
        Fact::Settled(large.clone()),
        Fact::Paused { message: subject.message_id(), by: by.clone(), reason },
        Fact::Held { task, path: path.clone(), attempt: 2 },
        Fact::Resumed { message: subject.message_id(), by: by.clone(), budget: None },
        Fact::Resumed {
            message: subject.message_id(),
            by: by.clone(),
            budget: Some("1.25".parse().unwrap()),
        },
        Fact::Paused { message: subject.message_id(), by, reason: Some("again".to_owned()) },
        Fact::Compensating,
        Fact::Compensated(large),
    ];

    subject.flush(session, advance(id, 1, facts.clone())).await;

    let found = subject.read(id).await.facts;
    assert!(found.into_iter().map(|(_, fact)| fact).eq(facts));
}

/// Storage does not calculate.
pub async fn numbers_keep_their_digits(subject: &Subject) {
    let version = subject.workflow("review").await;
    let numbers = json!([
        u64::MAX,
        i64::MIN,
        9_007_199_254_740_993_u64,
        0,
        -0.0,
        1.0,
        0.1,
        1e300,
        -2.5e-300,
        f64::MIN_POSITIVE,
        f64::MAX,
        1e22,
        123_456_789.123_456_78
    ]);
    let new = NewExecution {
        inputs: Arc::new(numbers.clone()),
        facts: vec![settled("a", numbers.clone())],
        ..subject.execution(&version, vec![])
    };

    subject.store.start(new.clone()).await.unwrap();

    let snapshot = subject.read(new.id).await;
    assert_eq!(snapshot.record.inputs.to_string(), numbers.to_string());
    assert_eq!(snapshot.facts, [(0, settled("a", numbers))]);
}

/// A step that gives null gave something.
pub async fn a_result_of_null_is_not_the_lack_of_one(subject: &Subject) {
    let version = subject.workflow("review").await;
    let nothing = match settled("nothing", Value::Null) {
        Fact::Settled(settled) => Fact::Settled(Settled { outputs: None, ..settled }),
        other => other,
    };
    let new = NewExecution {
        status: ExecutionStatus::Succeeded,
        ending: Some(Ending { outputs: Some(Arc::new(Value::Null)), error: None }),
        facts: vec![settled("null", Value::Null), nothing],
        ..subject.execution(&version, vec![])
    };

    subject.store.start(new.clone()).await.unwrap();

    let snapshot = subject.read(new.id).await;
    assert_eq!(snapshot.record.outputs, Some(Arc::new(Value::Null)));
    assert_eq!(snapshot.facts, new.facts.into_iter().map(|fact| (0, fact)).collect::<Vec<_>>());
}

/// Neither more than a database keeps, nor less than a clock shows.
pub async fn times_are_kept_to_the_microsecond(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let moments = [0, 1, 999_999, 1_767_225_600_123_456, -1, 4_102_444_800_000_001];
    let line = |micros: &i64| LogLine {
        at: Timestamp::from_micros(*micros),
        path: String::new(),
        message: String::new(),
    };
    let logs: Vec<LogLine> = moments.iter().map(line).collect();
    let waiting = Fact::Waiting { step: step_name("nap"), since: Timestamp::from_micros(moments[3]) };
    let next = Advance { logs: logs.clone(), ..advance(id, 1, vec![waiting.clone()]) };

    subject.flush(session, next).await;

    assert_eq!(subject.store.logs(id, 0, 10).await.unwrap(), logs);
    assert_eq!(subject.read(id).await.facts, [(0, waiting)]);
}
