//! `codeflow doctor` and `codeflow dead-letter`, on a database that others left behind.

use codeflow::core::{JobId, TaskId};
use codeflow::engine::{JobEnds, NewJob, NewTask, Work};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;

use crate::support::Checkout;

/// A database of SQLite, where it is, and a folder to look at it from.
async fn left_behind() -> (Subject, String, Checkout) {
    let test_db = TestDb::sqlite().await;
    let url = test_db.url().to_owned();
    (test_db.into_subject().await, url, Checkout::folder())
}

/// Two jobs that were given up.
async fn dead_jobs(subject: &Subject) -> Vec<String> {
    let job = || {
        let id = subject.id(JobId::generate);
        let call = r#"{"uses":"core/report","with":{"password":"hunter2","n":1},"timeout_ms":1000}"#;
        let task =
            NewTask { id: TaskId::from_uuid(id.uuid()), work: Work::Job(call.into()), ..subject.task("x") };
        NewJob { id, key: None, task }
    };
    subject.store.enqueue(vec![job(), job()]).await.expect("they are put in");
    let session = subject.session().await;
    let ids: Vec<TaskId> = subject.claim(session, 2).await.tasks.iter().map(|task| task.id).collect();
    let dead = ids.iter().map(|id| (*id, "refused: token=hunter2".to_owned())).collect();
    let ends = JobEnds { dead, ..JobEnds::default() };
    subject.store.finish(session, ends).await.expect("they are given up");
    ids.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_doctor_tells_what_is_wrong_and_what_to_do() {
    let (subject, url, checkout) = left_behind().await;
    let doctor = |flags: &[&str]| {
        let flags = [&["--database-url", &url, "doctor", "--patience", "0"], flags].concat();
        checkout.codeflow(&flags)
    };
    let sound = doctor(&[]).ends_with(0);
    let sound_json = doctor(&["--json"]).ends_with(0).json();
    let version = subject.workflow("review").await;
    let mut stuck = Vec::new();
    for _ in 0..3 {
        let new = subject.execution(&version, vec![]);
        stuck.push(new.id.to_string());
        subject.store.start(new).await.expect("it starts");
    }

    let text = doctor(&["--show", "2"]).ends_with(1);
    let repaired = doctor(&["--repair", "--quick"]).ends_with(1);
    let json = doctor(&["--format", "json"]).ends_with(1).json();

    assert!(sound.stdout.contains("everything is in order"), "{sound:#?}");
    assert_eq!((&sound_json["sound"], &sound_json["findings"]), (&true.into(), &serde_json::json!([])));
    assert!(text.stdout.contains("stuck_execution: 3, ") && text.stdout.contains("and 1 more"), "{text:#?}");
    assert!(text.stdout.contains(&stuck[0]) && !text.stdout.contains(&stuck[2]), "{text:#?}");
    assert!(text.stdout.contains("what to do: cancel it"), "{text:#?}");
    assert!(!repaired.stdout.contains("put back"), "{repaired:#?}");
    assert_eq!(json["violations"][0]["kind"], "stuck_execution");
    assert_eq!((&json["violations"][0]["count"], &json["repaired"]), (&3.into(), &serde_json::json!([])));
    assert_eq!(json["findings"][2]["execution"], stuck[2].as_str());
}

#[tokio::test]
async fn dead_letters_are_listed_shown_put_back_and_dropped() {
    let (subject, url, checkout) = left_behind().await;
    let letters = |flags: &[&str]| {
        let flags = [&["--database-url", &url, "dead-letter"], flags].concat();
        checkout.codeflow(&flags)
    };
    let none = letters(&["list"]).ends_with(0);
    let ids = dead_jobs(&subject).await;

    let list = letters(&["list"]).ends_with(0);
    let page = letters(&["list", "--limit", "1", "--after", &ids[0], "--format", "json"]).ends_with(0).json();
    let shown = letters(&["show", &ids[0]]).ends_with(0);
    let shown_json = letters(&["show", &ids[0], "--format", "json"]).ends_with(0).json();
    letters(&["retry", &ids[0]]).ends_with(0);
    let dropped = letters(&["drop", &ids[1], "--format", "json"]).ends_with(0).json();
    let left = letters(&["list"]).ends_with(0);
    let gone = letters(&["show", &ids[0]]).ends_with(2);

    assert!(none.stderr.contains("no dead letters"), "{none:#?}");
    assert!(ids.iter().all(|id| list.stdout.contains(id)), "{list:#?}");
    assert_eq!((page[0]["id"].as_str(), page.as_array().map(Vec::len)), (Some(ids[1].as_str()), Some(1)));
    assert!(shown.stdout.contains("core/report") && shown.stdout.contains("refused"), "{shown:#?}");
    assert_eq!((&shown_json["action"], &shown_json["inputs"]["n"]), (&"core/report".into(), &1.into()));
    assert!(shown_json["job"].as_str().is_some_and(|id| id.starts_with("job_")), "{shown_json}");
    for said in [&list.stdout, &shown.stdout, &shown_json.to_string(), &page.to_string()] {
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert_eq!(dropped["tasks"][0], ids[1].as_str());
    assert!(left.stderr.contains("no dead letters"), "{left:#?}");
    assert!(gone.stderr.contains("is not among the dead letters"), "{gone:#?}");
}
