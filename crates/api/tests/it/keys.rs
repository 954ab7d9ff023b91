//! Keys: how they come, which paths want one, and what one may ask for.

use serde_json::json;

use crate::live::{Live, Play};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn chat(model: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] }).to_string()
}

fn message(model: &str) -> String {
    let messages = [json!({ "role": "user", "content": "Hello" })];
    json!({ "model": model, "max_tokens": 9, "messages": messages }).to_string()
}

#[tokio::test]
async fn a_key_comes_in_either_header_and_two_that_differ_are_none() {
    let live = Live::new().await;
    let models = async |head: &[&str]| {
        let answered = live.ask("GET /v1/models", head, "").await;
        let code = answered.header("x-codeflow-error").map(str::to_owned);
        (answered.status, code)
    };
    let refused = |code: &str| (401, Some(format!("api.{code}_key")));

    assert_eq!(models(&["authorization: bearer  k1"]).await.0, 200);
    assert_eq!(models(&["x-api-key: k1"]).await.0, 200);
    assert_eq!(models(&["x-api-key: k1", "authorization: Bearer k1"]).await.0, 200);
    assert_eq!(models(&[]).await, refused("missing"));
    assert_eq!(models(&["x-api-key: k1", "authorization: Bearer k2"]).await, refused("malformed"));
    assert_eq!(models(&["authorization: Bearer k1", "authorization: Bearer k2"]).await, refused("malformed"));
    assert_eq!(models(&["authorization: Basic k1"]).await, refused("malformed"));
    assert_eq!(models(&["authorization: k1"]).await, refused("malformed"));
    assert_eq!(models(&["x-api-key: k\u{e4}"]).await, refused("malformed"));
    assert_eq!(models(&["authorization: Bearer k3"]).await, refused("unknown"));
    assert_eq!(models(&["x-api-key:"]).await, refused("unknown"));
}

#[tokio::test]
async fn every_path_but_three_wants_a_key() {
    let live = Live::new().await;
    let json = ["content-type: application/json"];

    for path in [CHAT, MESSAGES, "/v1/embeddings", "/v1/messages/count_tokens"] {
        assert_eq!(live.ask(&format!("POST {path}"), &json, "{}").await.status, 401, "{path}");
    }
    for path in ["/v1/models", "/v1/models/fast", "/metrics", "/api/v1/providers", "/api/v1/usage"] {
        assert_eq!(live.ask(&format!("GET {path}"), &[], "").await.status, 401, "{path}");
    }
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        assert_eq!(live.ask(&format!("GET {path}"), &[], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_key_asks_for_the_names_it_may_and_sees_no_others() {
    let live = Live::new().await;
    live.provider.plays([Play::Text("Hi")]);
    let head = ["x-api-key: k2", "content-type: application/json"];
    let ask = async |path: &str, body: &str| live.ask(&format!("POST {path}"), &head, body).await;

    let may = ask(CHAT, &chat("alpha/two")).await;
    let embed = ask("/v1/embeddings", r#"{"model":"fast","input":"a"}"#).await;
    let count = ask("/v1/messages/count_tokens", &message("fast")).await;
    let chat = ask(CHAT, &chat("fast")).await;
    let listed = live.ask("GET /v1/models", &head, "").await;
    let shown = live.ask("GET /v1/models/one", &head, "").await;

    assert_eq!(may.status, 200);
    for refused in [chat, embed, count] {
        assert_eq!((refused.status, refused.code()), (403, "api.model_forbidden"));
    }
    let names = listed.json()["data"].as_array().expect("is a list").clone();
    assert_eq!(names.iter().map(|name| &name["id"]).collect::<Vec<_>>(), ["alpha/two"]);
    assert_eq!(shown.status, 404);
}
