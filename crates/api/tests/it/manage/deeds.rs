//! What the audit log is told of what people do over HTTP.

use std::time::Duration;

use codeflow_auth::BuiltInRole;
use codeflow_ratelimit::Verdict;
use serde_json::{Value, json};

use super::house::{House, decision};
use crate::live::Play;

async fn noted(house: &House, action: &str) -> Vec<Value> {
    house.identity.flush().await.expect("storage is there");
    let log = house.ask("operator", &format!("GET /api/v1/audit?action={action}"), None).await;
    log.json()["data"].as_array().expect("it is a list").clone()
}

/// Somebody goes beyond limits so often.
async fn go_beyond(house: &House, who: &str, times: usize) {
    for _ in 0..times {
        house.door.admits.lock().expect("nobody panicked").push_back(decision(Verdict::Beyond));
        let answered = house.ask(who, "GET /api/v1/me", None).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        assert_eq!(answered.header("x-ratelimit-remaining"), Some("0"), "the limit is told all the same");
    }
}

#[tokio::test]
async fn a_flood_beyond_limits_is_one_entry_a_minute_for_each_who_may() {
    let house = House::new().await;

    go_beyond(&house, "admin", 50).await;
    go_beyond(&house, "other", 2).await;
    let first = noted(&house, "limits.bypass").await;
    house.live.clock.advance(Duration::from_secs(59));
    go_beyond(&house, "admin", 1).await;
    let same_minute = noted(&house, "limits.bypass").await;
    house.live.clock.advance(Duration::from_secs(1));
    go_beyond(&house, "admin", 3).await;
    let next = noted(&house, "limits.bypass").await;

    let admin = house.ask("admin", "GET /api/v1/me", None).await.json()["user"].clone();
    assert_eq!((first.len(), same_minute.len(), next.len()), (2, 2, 3));
    assert_eq!((&first[0]["actor"], &first[0]["tenant"]), (&admin, &json!("default")));
    assert_eq!((&first[0]["target"], &first[0]["outcome"]), (&json!("requests"), &json!("done")));
    assert_eq!(first[0]["details"], json!({ "class": "read", "since_last": 0 }));
    assert!(first[0]["address"].is_string() && first[0]["request_id"].is_string());
    assert_eq!(first[1]["tenant"], "other");
    assert_eq!(next[2]["details"], json!({ "class": "read", "since_last": 50 }), "none is lost");
}

#[tokio::test]
async fn a_call_to_a_model_beyond_limits_is_noted_and_one_within_them_is_not() {
    let house = House::new().await;
    let chat = json!({ "model": "fast", "messages": [] });
    house.live.provider.plays([Play::Text("Hi"), Play::Text("Hi")]);

    house.door.admits.lock().expect("nobody panicked").push_back(decision(Verdict::Allowed));
    let within = house.ask("admin", "POST /v1/chat/completions", Some(&chat)).await;
    let before = noted(&house, "limits.bypass").await;
    house.door.admits.lock().expect("nobody panicked").push_back(decision(Verdict::Beyond));
    let beyond = house.ask("admin", "POST /v1/chat/completions", Some(&chat)).await;
    let after = noted(&house, "limits.bypass").await;

    assert_eq!((within.status, beyond.status), (200, 200), "{beyond:?}");
    assert_eq!((before.len(), after.len()), (0, 1));
    assert_eq!(after[0]["details"]["class"], "model");
    assert!(after[0]["request_id"].as_str().is_some_and(|id| id.starts_with("req_")));
}

#[tokio::test]
async fn what_somebody_may_not_decide_is_noted_as_refused_and_what_is_not_there_is_not_noted() {
    let house = House::new().await;
    let text = "version: 1\nname: ship\nsteps: { go: { approval: { roles: [lead] } } }\n";
    let kept = house.ask("admin", "POST /api/v1/workflows", Some(&json!({ "document": text }))).await;
    assert_eq!(kept.status, 201, "{kept:?}");
    let started = house.ask("user", "POST /api/v1/executions", Some(&json!({ "workflow": "ship" }))).await;
    let id = started.json()["id"].as_str().expect("it has one").to_owned();
    let decide = json!({ "step": "go", "approved": true, "comment": "SECRET words" });

    let refused = house.ask("user", &format!("POST /api/v1/executions/{id}/decision"), Some(&decide)).await;
    let elsewhere =
        house.ask("other", &format!("POST /api/v1/executions/{id}/decision"), Some(&decide)).await;
    let log = noted(&house, "execution.decide").await;

    assert_eq!((refused.status, elsewhere.status), (403, 404));
    assert_eq!(log.len(), 1);
    assert_eq!((&log[0]["outcome"], &log[0]["target"]), (&json!("refused"), &json!(id)));
    assert_eq!(log[0]["details"], json!({ "step": "go", "approved": true }), "no words of theirs");
}

#[tokio::test]
async fn a_change_of_limits_is_noted_under_the_name_of_whoever_made_it() {
    let house = House::new().await;
    let operator = house.ask(BuiltInRole::Operator.as_str(), "GET /api/v1/me", None).await.json();

    let body = json!({ "version": 0, "rules": null });
    let changed = house.ask("operator", "PUT /api/v1/limits", Some(&body)).await;
    let log = noted(&house, "limits.change").await;

    assert_eq!((changed.status, log.len()), (200, 1));
    assert_eq!(log[0]["actor"], operator["user"], "as all other entries call them");
}
