//! The probe sees both sides of every commit.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_core::{Ids, SessionId};
use codeflow_engine::{Dead, Store};
use codeflow_persistence::{CommitProbe, Moment};
use codeflow_testkit::conformance::Subject;
use codeflow_testkit::{SequentialIds, TestDb};

#[derive(Default)]
struct Notes(Mutex<Vec<(&'static str, Moment)>>);

impl CommitProbe for Notes {
    fn reached(&self, commit: &'static str, moment: Moment) {
        self.0.lock().unwrap().push((commit, moment));
    }
}

async fn every_commit_is_seen_twice(test_db: TestDb) {
    let notes = Arc::new(Notes::default());
    let database = test_db.open().await.with_probe(Arc::clone(&notes) as _);
    let subject = Subject::new(Arc::new(database), None, test_db);
    let store: Arc<dyn Store> = Arc::clone(&subject.store);
    let ids = SequentialIds::new();
    let id = SessionId::from_uuid(ids.next());

    let session = store.open_session(id, Duration::from_secs(60)).await.unwrap();
    let (execution, _) = subject.started(1).await;
    subject.claim(session, 1).await;
    let renewal = codeflow_engine::Renewal {
        ttl: Duration::from_secs(60),
        working: vec![execution],
        ..Default::default()
    };
    store.renew(session, renewal).await.unwrap();
    store.promote(1).await.unwrap();
    store.recover(Dead::AllBut(session.id)).await.unwrap();
    store.close_session(session).await.unwrap();
    store.read(execution, None).await.unwrap();

    let names =
        ["open_session", "put_version", "start", "claim", "renew", "promote", "recover", "close_session"];
    let expected: Vec<_> =
        names.iter().flat_map(|name| [(*name, Moment::Before), (*name, Moment::After)]).collect();
    assert_eq!(*notes.0.lock().unwrap(), expected);
}

#[tokio::test]
async fn every_commit_is_seen_twice_on_sqlite() {
    every_commit_is_seen_twice(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn every_commit_is_seen_twice_on_postgres() {
    every_commit_is_seen_twice(TestDb::postgres().await).await;
}
