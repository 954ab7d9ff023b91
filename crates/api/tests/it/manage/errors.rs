//! What failed by no fault of a client, as administrators see it.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_auth::{Authenticate, Error, ErrorKind, Principal};
use codeflow_model::{ApiClientError, ErrorKind as ModelError};
use serde_json::{Value, json};

use super::house::{House, Plan};
use super::leaks::Broken;
use super::script::operations;
use crate::live::Play;

const LIST: &str = "GET /api/v1/errors";

async fn listed(house: &House) -> Value {
    let answered = house.ask("operator", LIST, None).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert!(!answered.body.contains("MARKER"), "a cause gets out: {answered:?}");
    answered.json()
}

/// Code, kind, place and count of each.
fn groups(listed: &Value) -> BTreeSet<(String, String, String, u64)> {
    let text = |group: &Value, name: &str| group[name].as_str().expect("is a text").to_owned();
    let rows = listed["data"].as_array().expect("is a list").iter();
    rows.map(|group| {
        let count = group["count"].as_u64().expect("is a number");
        (text(group, "code"), text(group, "kind"), text(group, "place"), count)
    })
    .collect()
}

#[tokio::test]
async fn failures_are_grouped_by_code_kind_and_place() {
    let mut plan = Plan::new().await;
    let broken = Arc::new(Broken::default());
    plan.manage.executions = Some(Arc::clone(&broken) as _);
    let house = plan.build().await;
    assert_eq!(listed(&house).await, json!({ "data": [], "forgotten": 0 }));
    let ask = async |turn: usize| {
        broken.next.store(turn, Ordering::SeqCst);
        house.ask("user", "GET /api/v1/executions", None).await
    };

    // Not found, then away three times, then a fault, then a panic, as `Broken` has them in order.
    assert_eq!(ask(0).await.code(), "engine.not_found");
    for _ in 0..3 {
        assert_eq!(ask(6).await.code(), "engine.unavailable");
    }
    let last = ask(8).await;
    assert_eq!(last.code(), "engine.internal");
    broken.panics.store(true, Ordering::SeqCst);
    assert_eq!(ask(8).await.code(), "api.internal");
    house.live.provider.plays([Play::Fail(ApiClientError::new(ModelError::Timeout, "MARKER")), Play::Panic]);
    let chat = json!({ "model": "fast", "messages": [] }).to_string();
    assert_eq!(house.live.post("/v1/chat/completions", &chat).await.status, 504);
    assert_eq!(house.live.post("/v1/chat/completions", &chat).await.status, 500);

    let told = listed(&house).await;
    let expected = [
        ("api.internal", "panic", "/v1/chat/completions", 1),
        ("api.internal", "panic", "GET /api/v1/executions", 1),
        ("engine.internal", "fault", "GET /api/v1/executions", 1),
        ("engine.unavailable", "away", "GET /api/v1/executions", 3),
        ("model.timeout", "upstream", "/v1/chat/completions", 1),
    ];
    let expected = expected.map(|(code, kind, place, count)| (code.into(), kind.into(), place.into(), count));
    assert_eq!(groups(&told), BTreeSet::from(expected));
    let rows = told["data"].as_array().expect("is a list");
    let fault = rows.iter().find(|row| row["code"] == "engine.internal").expect("is among them");
    assert_eq!(fault["last_request_id"].as_str(), last.header("x-request-id"));
    assert_eq!(fault["page"], "/docs/errors/engine.internal");
    assert_eq!(fault["runbook"], "/docs/runbooks/requests-fail#fault");
    let prints: BTreeSet<&str> = rows.iter().filter_map(|row| row["fingerprint"].as_str()).collect();
    assert!(prints.len() == rows.len() && prints.iter().all(|print| print.len() == 16), "{prints:?}");
    let vitals = &house.live.health;
    assert_eq!(vitals.panics.load(Ordering::SeqCst), 2);
    let counted = vitals.failed.lock().expect("nobody panicked").clone();
    let away = ["engine.unavailable"; 3];
    let rest = ["engine.internal", "api.internal", "model.timeout", "api.internal"];
    assert_eq!(counted, [&away[..], &rest[..]].concat(), "and for the metrics, in their order");
    for who in ["user", "viewer", "nobody"] {
        assert!([401, 403].contains(&house.ask(who, LIST, None).await.status), "{who} sees them");
    }
}

#[test]
fn the_runbook_has_a_part_for_each_kind() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runbooks/requests-fail.md");
    let runbook = std::fs::read_to_string(path).expect("it is there");

    for kind in ["panic", "fault", "upstream", "away"] {
        assert!(runbook.contains(&format!("\n## {kind}\n")), "the runbook has no part for `{kind}`");
    }
}

/// Somebody who is away when it is told to.
struct Moody {
    inner: Arc<dyn Authenticate>,
    fails: Mutex<Option<ErrorKind>>,
}

#[async_trait]
impl Authenticate for Moody {
    async fn authenticate(&self, credential: &str) -> Result<Arc<Principal>, Error> {
        let fails = *self.fails.lock().expect("nobody panicked");
        match fails {
            Some(kind) => Err(Error::new(kind, "it fails")),
            None => self.inner.authenticate(credential).await,
        }
    }
}

#[tokio::test]
async fn no_more_groups_are_kept_than_there_is_room_for() {
    let mut plan = Plan::new().await;
    let inner = Arc::clone(&plan.manage.authenticate);
    let moody = Arc::new(Moody { inner, fails: Mutex::default() });
    plan.manage.authenticate = Arc::clone(&moody) as _;
    let broken = Arc::new(Broken::default());
    plan.manage.executions = Some(Arc::clone(&broken) as _);
    plan.manage.workflows = Some(Arc::clone(&broken) as _);
    plan.manage.identity = None;
    let house = plan.build().await;
    let all = operations(&house.document().await);
    let mood = |fails: Option<ErrorKind>| *moody.fails.lock().expect("nobody panicked") = fails;

    let mut failed = BTreeSet::new();
    let kinds = [Some(ErrorKind::Unavailable), Some(ErrorKind::Internal)];
    let turns = kinds.map(|kind| (kind, 0)).into_iter().chain((4..9).map(|turn| (None, turn)));
    for (fails, turn) in turns {
        mood(fails);
        broken.next.store(turn, Ordering::SeqCst);
        for operation in &all {
            let first = operation.first();
            for first in BTreeSet::from([first.replacen("GET ", "HEAD ", 1), first]) {
                let answered = house.ask("operator", &first, operation.body().as_ref()).await;
                if answered.status >= 500 {
                    failed.insert((answered.code().to_owned(), first));
                }
            }
        }
    }

    mood(None);
    let told = listed(&house).await;
    let kept = told["data"].as_array().expect("is a list").len();
    assert!(failed.len() > 200, "only {} failures are different", failed.len());
    assert_eq!(kept, 200);
    // One that was let go may have come again.
    assert!(told["forgotten"].as_u64() >= Some(failed.len() as u64 - 200), "{}", told["forgotten"]);
}
