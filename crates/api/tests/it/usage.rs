//! `GET /api/v1/usage` and `GET /openapi.json`.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use codeflow_gateway::UsageStore;
use codeflow_model::{ApiClientError, ErrorKind};
use serde_json::{Value, json};

use crate::live::{Live, Play};

fn chat(model: &str) -> String {
    json!({ "model": model, "messages": [] }).to_string()
}

/// A server that has answered five calls of one tenant and one of another, and written them.
async fn used() -> Live {
    let mut live = Live::new().await;
    let fails = Play::Fail(ApiClientError::new(ErrorKind::Overloaded, "no"));
    live.provider.plays((0..5).map(|_| Play::Text("Hi")).chain([fails]));
    let head = ["x-api-key: k2", "content-type: application/json"];
    live.ask("POST /v1/chat/completions", &head, &chat("alpha/two")).await;
    for _ in 0..5 {
        live.post("/v1/chat/completions", &chat("fast")).await;
    }
    live.write().await;
    live
}

#[tokio::test]
async fn the_calls_of_a_tenant_are_listed_page_by_page_the_newest_first() {
    let live = used().await;
    let mut statuses = Vec::new();
    let mut path = "/api/v1/usage?limit=2".to_owned();

    for _ in 0..9 {
        let page = live.get(&path).await.json();
        statuses.extend(page["data"].as_array().expect("is a list").iter().map(|row| row["status"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/usage?limit=2&before={next}");
    }

    assert_eq!(statuses, ["failed", "succeeded", "succeeded", "succeeded", "succeeded"]);
    let other = live.ask("GET /api/v1/usage", &["x-api-key: k2"], "").await.json();
    assert_eq!((other["data"].as_array().map(Vec::len), &other["next"]), (Some(1), &Value::Null));
    assert_eq!(other["data"][0]["cost_microusd"], Value::Null, "nobody knows its price");
}

#[tokio::test]
async fn a_row_tells_what_was_asked_and_what_it_cost() {
    let live = used().await;

    let mut rows = live.get("/api/v1/usage").await.json()["data"].take();

    let latency = rows[1]["latency_us"].take();
    assert!(latency["total"].is_u64() && latency["upstream"].is_u64() && latency["first_token"].is_u64());
    assert!(rows[1]["id"].take().is_string() && rows[1]["request_id"].take().is_string());
    let row = json!({
        "id": null, "at": "2026-01-01T00:00:00.000Z", "request_id": null, "key": "k1-name", "user": null,
        "execution": null, "step": null, "route": "fast", "provider": "alpha", "model": "one",
        "format": "chat_completions", "stream": false, "status": "succeeded", "code": null, "attempts": 1,
        "usage": { "input": 30, "output": 7 }, "cost_microusd": 44, "estimated": false, "latency_us": null
    });
    assert_eq!(rows[1], row);
    assert_eq!((&rows[0]["code"], &rows[0]["cost_microusd"]), (&json!("model.overloaded"), &json!(0)));
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_refused() {
    let live = Live::new().await;
    let cases = ["limit=0", "limit=1001", "limit=x", "limit=", "before=x", "tenant=other", "limit"];

    for query in cases {
        let refused = live.get(&format!("/api/v1/usage?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, "api.invalid_parameter"), "{query}");
        let name = query.split('=').next();
        assert_eq!(refused.json()["errors"][0]["field"].as_str(), name);
    }
    for query in ["limit=1", "limit=1000", "&", ""] {
        assert_eq!(live.get(&format!("/api/v1/usage?{query}")).await.status, 200, "{query}");
    }
}

#[tokio::test]
async fn storage_that_is_away_is_told_without_its_words() {
    let live = Live::new().await;
    live.storage.is_away.store(true, Ordering::SeqCst);

    let away = live.get("/api/v1/usage").await;

    assert_eq!((away.status, away.code()), (503, "api.storage_unavailable"));
    assert!(!away.body.contains("SECRET"));
    assert!(live.storage.list(None, None, 1).await.is_err());
}

#[tokio::test]
async fn the_document_names_every_path_and_its_methods_and_no_other() {
    let live = Live::new().await;
    let document = live.ask("GET /openapi.json", &[], "").await.json();
    let paths = document["paths"].as_object().expect("it has paths");

    // Every path of the document is there, takes its method and no other.
    for (path, methods) in paths {
        let path = path.replace("{model}", "fast");
        let methods: Vec<_> = methods.as_object().expect("is an object").keys().cloned().collect();
        let [method] = &methods[..] else { unreachable!("each path takes one method") };
        let other = if method == "get" { "POST" } else { "GET" };
        let takes = if method == "get" { "GET, HEAD" } else { "POST" };
        let refused = live.ask(&format!("{other} {path}"), &["x-api-key: k1"], "").await;
        assert_eq!((refused.status, refused.header("allow")), (405, Some(takes)), "{path}");
        let taken = live.ask(&format!("{} {path}", method.to_uppercase()), &["x-api-key: k1"], "").await;
        assert!(![404, 405].contains(&taken.status), "{path}: {taken:?}");
        let is_open = document["paths"][path.as_str()][method.as_str()]["security"] == json!([]);
        let anybody = live.ask(&format!("{} {path}", method.to_uppercase()), &[], "").await;
        assert_eq!(anybody.status == 401, !is_open, "{path}");
    }

    // Every path that the sources tell apart is in the document.
    let source = include_str!("../../src/front.rs");
    let quoted = source.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/'));
    let whole = |path: &&str| !path.contains('{') && !["/v1/models/", "/api/"].contains(path);
    let told: BTreeSet<&str> = quoted.filter(whole).collect();
    let known: BTreeSet<&str> = paths.keys().map(String::as_str).filter(|path| !path.contains('{')).collect();
    assert_eq!(told, known);
}

#[tokio::test]
async fn the_document_refers_only_to_what_it_holds() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = Live::new().await.get("/openapi.json").await.json();
    let mut found = Vec::new();
    references(&document, &mut found);

    assert!(found.len() > 20);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("it stays within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}
