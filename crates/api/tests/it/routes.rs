//! The routes over a socket: what goes in, what comes out, and how failures are told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use codeflow_api::BodyLimits;
use codeflow_gateway::{CallLimits, Caller, Limited, UsageStore};
use codeflow_model::{
    ApiClientError, Details, ErrorKind, FinishReason, Phase, RawPiece, Reach, StreamEvent, Tap, Usage,
    WireFormat,
};
use serde_json::{Value, json};

use crate::live::{Answered, Asked, Line, Live, Play, Setting};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

fn chat(model: &str) -> String {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello" }] }).to_string()
}

fn message(model: &str) -> String {
    let messages = [json!({ "role": "user", "content": "Hello" })];
    json!({ "model": model, "max_tokens": 9, "messages": messages }).to_string()
}

fn streamed(body: &str) -> String {
    let mut body: Value = serde_json::from_str(body).expect("is JSON");
    body["stream"] = true.into();
    body.to_string()
}

fn failure(kind: ErrorKind) -> Play {
    let details = Details { reach: Reach::Refused, status: Some(500), ..Details::default() };
    Play::Fail(ApiClientError::new(kind, "SECRET").about(details))
}

fn broken() -> ApiClientError {
    let details = Details { phase: Phase::AfterFirstToken, reach: Reach::Unknown, ..Details::default() };
    ApiClientError::new(ErrorKind::ProviderConnection, "SECRET").about(details)
}

fn piece(bytes: &'static str, finished: bool) -> RawPiece {
    let tap = Tap { said: u32::from(!finished), finished, usage: None };
    RawPiece { bytes: Bytes::from_static(bytes.as_bytes()), tap }
}

#[tokio::test]
async fn a_request_is_forwarded_byte_for_byte_with_what_its_headers_mean() {
    let live = Live::forwarding(WireFormat::Messages).await;
    live.provider.plays([Play::Raw(r#"{"id":"m"}"#)]);
    let body = message("alpha/one");
    let head = ["x-api-key: k1", "content-type: application/json; charset=utf-8", "anthropic-beta: a,b"];

    let answered = live.ask(&format!("POST {MESSAGES}"), &head, &body).await;

    assert_eq!((answered.status, answered.body.as_str()), (200, r#"{"id":"m"}"#));
    assert_eq!(answered.header("content-type"), Some("application/json"));
    let told = ["route", "provider", "model", "attempts", "cost-microusd", "trail", "cache", "dropped"]
        .map(|name| answered.header(&format!("x-codeflow-{name}")));
    assert_eq!(
        told,
        [Some("alpha/one"), Some("alpha"), Some("one"), Some("1"), Some("44"), None, None, None]
    );
    let id = answered.header("x-request-id").expect("a request has a name");
    assert!(id.starts_with("req_") && answered.header("request-id") == Some(id));
    let [Asked::Raw(request)] = &live.provider.asked()[..] else { unreachable!("it is forwarded") };
    assert_eq!((request.model.as_str(), &request.body[..]), ("one", body.as_bytes()));
    assert_eq!(request.headers, [("anthropic-beta", "a,b".to_owned())]);
    assert_eq!(&body[request.model_at.clone()], "\"alpha/one\"");
}

#[tokio::test]
async fn a_request_in_one_format_is_answered_by_a_provider_of_another() {
    let live = Live::new().await;
    live.provider.plays([Play::Text("Hi"), Play::Text("Hi")]);

    let openai = live.post(CHAT, &chat("fast")).await;
    let anthropic = live.post(MESSAGES, &message("fast")).await;

    assert_eq!((openai.status, anthropic.status), (200, 200));
    let (openai, anthropic) = (openai.json(), anthropic.json());
    assert_eq!(openai["choices"][0]["message"]["content"], "Hi");
    assert!(openai["id"].as_str().is_some_and(|id| id.starts_with("chatcmpl-")));
    assert_eq!(anthropic["content"][0]["text"], "Hi");
    assert!(anthropic["id"].as_str().is_some_and(|id| id.starts_with("msg_")));
}

#[tokio::test]
async fn a_stream_is_handed_on_and_one_that_breaks_ends_in_an_error() {
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    let whole =
        vec![Ok(piece("data: 1\n\n", false)), Ok(piece("", false)), Ok(piece("data: [DONE]\n\n", true))];
    live.provider.plays([
        Play::Pieces(whole, false),
        Play::Pieces(vec![Ok(piece("data: 1\n\n", false)), Err(broken())], false),
    ]);

    let whole = live.post(CHAT, &streamed(&chat("fast"))).await;
    let breaks = live.post(CHAT, &streamed(&chat("fast"))).await;

    assert_eq!(whole.header("content-type"), Some("text/event-stream; charset=utf-8"));
    assert_eq!(whole.header("cache-control"), Some("no-cache"));
    assert!(whole.body.contains("data: 1\n\n") && whole.body.contains("data: [DONE]\n\n"));
    assert_eq!(breaks.status, 200);
    assert!(breaks.body.contains("the provider could not be reached"), "{}", breaks.body);
    assert!(!breaks.body.contains("[DONE]") && !breaks.body.contains("SECRET"), "{}", breaks.body);
}

#[tokio::test]
async fn a_stream_is_written_in_the_clients_format_and_one_that_breaks_ends_in_an_error() {
    let live = Live::new().await;
    let text = || Ok(StreamEvent::Text { index: 0, delta: "Hi".into() });
    let usage = Usage { input: Some(3), output: Some(1), ..Usage::default() };
    let whole = vec![text(), Ok(StreamEvent::Usage(usage)), Ok(StreamEvent::Finished(FinishReason::Stop))];
    live.provider.plays([
        Play::Events(whole, false),
        Play::Events(vec![text(), Err(broken())], false),
        Play::Events(vec![text()], false),
    ]);

    let whole = live.post(MESSAGES, &streamed(&message("fast"))).await;
    let breaks = live.post(MESSAGES, &streamed(&message("fast"))).await;
    let ends = live.post(CHAT, &streamed(&chat("fast"))).await;

    assert!(whole.body.contains("event: message_stop"), "{}", whole.body);
    assert!(breaks.body.contains("event: error") && !breaks.body.contains("message_stop"), "{}", breaks.body);
    assert!(ends.body.contains("ends too early") && !ends.body.contains("[DONE]"), "{}", ends.body);
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_call_and_is_charged() {
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    live.provider.plays([Play::Hang, Play::Pieces(vec![Ok(piece("data: 1\n\n", false))], true)]);
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-api-key: k1\r\ncontent-type: application/json\r\n");
    let dropped = Arc::clone(&live.provider.dropped);

    for (body, sign) in [(chat("fast"), None), (streamed(&chat("fast")), Some("data: 1"))] {
        let mut line = Line::open(&live).await;
        line.say(&format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
        match sign {
            Some(sign) => drop(line.until(sign).await),
            None => {
                while live.provider.asked().is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        }
        drop(line);
        let told = tokio::time::timeout(Duration::from_secs(5), dropped.acquire()).await;
        told.expect("the call ends soon").expect("nobody closes it").forget();
    }

    let rows = live.written().await.list(Some("acme"), None, 9).await.expect("storage is there");
    let ends: Vec<_> = rows.iter().map(|row| (row.status.as_str(), row.estimated)).collect();
    assert_eq!(ends, [("cancelled", true), ("cancelled", true)]);
}

#[tokio::test]
async fn the_tier_and_the_number_of_replies_are_paid_for() {
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    live.provider.plays([Play::Raw("{}"), Play::Fail(broken_before())]);
    let body = |more: Value| {
        let mut body: Value = serde_json::from_str(&chat("fast")).expect("is JSON");
        body.as_object_mut().expect("is an object").extend(more.as_object().expect("is an object").clone());
        body.to_string()
    };

    let flex = live.post(CHAT, &body(json!({ "service_tier": "flex" }))).await;
    let many = live.post(CHAT, &body(json!({ "n": 5, "max_tokens": 100 }))).await;

    assert_eq!(flex.header("x-codeflow-cost-microusd"), Some("22"));
    let cost: u64 =
        many.header("x-codeflow-cost-microusd").and_then(|cost| cost.parse().ok()).expect("is told");
    assert!((1_000..1_100).contains(&cost), "{cost}");
}

fn broken_before() -> ApiClientError {
    let details = Details { reach: Reach::Unknown, ..Details::default() };
    ApiClientError::new(ErrorKind::Timeout, "SECRET").about(details)
}

#[tokio::test]
async fn a_failure_of_a_provider_tells_who_it_was_and_none_of_its_words() {
    let live = Live::new().await;
    live.provider.plays([failure(ErrorKind::Overloaded), failure(ErrorKind::Overloaded)]);

    let openai = live.post(CHAT, &chat("fast")).await;
    let anthropic = live.post(MESSAGES, &message("fast")).await;

    assert_eq!((openai.status, anthropic.status), (503, 529));
    assert_eq!(openai.header("x-codeflow-trail"), Some("alpha/one: model.overloaded"));
    assert_eq!(openai.code(), "model.overloaded");
    assert_eq!(openai.json()["error"]["type"], "server_error");
    let error = anthropic.json();
    assert_eq!((&error["type"], &error["error"]["type"]), (&json!("error"), &json!("overloaded_error")));
    assert_eq!(error["request_id"], json!(anthropic.header("request-id")));
    assert!(!openai.body.contains("SECRET") && !anthropic.body.contains("SECRET"));
}

#[tokio::test]
async fn a_field_that_cannot_be_read_is_named_only_where_somebody_has_to_read_it() {
    let odd = r#"{"model":"fast","messages":[{"role":"user","content":[{"type":"txt"}]}]}"#;
    let forwarding = Live::forwarding(WireFormat::ChatCompletions).await;
    forwarding.provider.plays([Play::Raw("{}")]);
    let reading = Live::new().await;

    let forwarded = forwarding.post(CHAT, odd).await;
    let read = reading.post(CHAT, odd).await;

    assert_eq!(forwarded.status, 200);
    assert_eq!((read.status, read.code()), (400, "api.invalid_field"));
    assert_eq!(read.json()["error"]["param"], "messages[0].content[0].type");
}

#[tokio::test]
async fn bodies_that_are_no_requests_are_refused() {
    let live = Live::new().await;
    let cases = [
        (CHAT, "nonsense", "api.invalid_json"),
        (CHAT, "{}", "api.invalid_field"),
        (CHAT, r#"{"model":""}"#, "api.invalid_field"),
        (CHAT, r#"{"model":"a","model":"b"}"#, "api.ambiguous_field"),
        ("/v1/embeddings", r#"{"model":"fast"}"#, "api.invalid_field"),
        ("/v1/embeddings", "[]", "api.invalid_json"),
        ("/v1/messages/count_tokens", r#"{"model":"fast"}"#, "api.invalid_field"),
        ("/v1/messages/count_tokens", "nonsense", "api.invalid_json"),
    ];

    for (path, body, code) in cases {
        let answered = live.post(path, body).await;
        let is_ours = [code, "api.invalid_field"].contains(&answered.code());
        assert!(answered.status == 400 && is_ours, "{path} {body}: {answered:?}");
    }
    assert!(live.provider.asked().is_empty());
}

#[tokio::test]
async fn a_body_has_to_be_json_of_a_bounded_size_in_a_bounded_time() {
    let body = BodyLimits { bytes: 100, time: Duration::from_millis(100) };
    let live = Live::with(Setting { body, ..Setting::default() }).await;
    live.provider.plays([Play::Text("Hi")]);
    let keyed = "authorization: Bearer k1";
    let json = "content-type: application/json";
    let exact = format!("{}{}", chat("fast"), " ".repeat(100 - chat("fast").len()));

    let fits = live.post(CHAT, &exact).await;
    let large = live.post(CHAT, &format!("{exact} ")).await;
    let other = live.ask(&format!("POST {CHAT}"), &[keyed, "content-type: text/plain"], "x").await;
    let none = live.ask(&format!("POST {CHAT}"), &[keyed], "x").await;
    let mut line = Line::open(&live).await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: x\r\n{keyed}\r\n{json}\r\n");
    line.say(&format!("{head}content-length: 50\r\n\r\n{{")).await;
    let late = line.until("}}").await;
    let mut line = Line::open(&live).await;
    let long = "x".repeat(60);
    line.say(&format!("{head}transfer-encoding: chunked\r\n\r\n3c\r\n{long}\r\n")).await;
    line.say(&format!("3c\r\n{long}\r\n0\r\n\r\n")).await;
    let grown = line.until("}}").await;

    assert_eq!(fits.status, 200);
    assert_eq!((large.status, large.code()), (413, "api.body_too_large"));
    assert_eq!((other.status, other.code()), (415, "api.content_type"));
    assert_eq!((none.status, none.code()), (415, "api.content_type"));
    assert!(late.contains("api.body_late") && late.starts_with("HTTP/1.1 408"), "{late}");
    assert!(grown.contains("api.body_too_large") && grown.starts_with("HTTP/1.1 413"), "{grown}");
}

#[tokio::test]
async fn a_body_in_pieces_is_put_together() {
    let live = Live::forwarding(WireFormat::ChatCompletions).await;
    live.provider.plays([Play::Raw("{}")]);
    let body = chat("fast");
    let (one, rest) = body.split_at(5);
    let (two, three) = rest.split_at(9);
    let head = "host: x\r\nx-api-key: k1\r\ncontent-type: application/json\r\nconnection: close\r\n";

    let mut line = Line::open(&live).await;
    line.say(&format!("POST {CHAT} HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\n")).await;
    for piece in [one, two, three] {
        line.say(&format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        tokio::task::yield_now().await;
    }
    line.say("0\r\n\r\n").await;
    let answered = line.rest().await;

    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    let [Asked::Raw(request)] = &live.provider.asked()[..] else { unreachable!("it is forwarded") };
    assert_eq!(&request.body[..], body.as_bytes());
}

#[tokio::test]
async fn names_are_listed_in_the_shape_of_either_sdk() {
    let live = Live::new().await;
    let anthropic = ["x-api-key: k1", "anthropic-version: 2023-06-01"];

    let openai = live.get("/v1/models").await.json();
    let shaped = live.ask("GET /v1/models", &anthropic, "").await.json();
    let lacking = live.ask("GET /v1/models/nobody", &anthropic, "").await;

    let first = json!({ "id": "fast", "object": "model", "created": 0, "owned_by": "codeflow" });
    assert_eq!((&openai["object"], &openai["data"][0]), (&json!("list"), &first));
    assert_eq!(openai["data"][1]["owned_by"], "alpha");
    let ends = [&shaped["first_id"], &shaped["last_id"], &shaped["data"][0]["type"], &shaped["has_more"]];
    assert_eq!(ends, [&json!("fast"), &json!("alpha/two"), &json!("model"), &json!(false)]);
    assert_eq!((lacking.status, &lacking.json()["error"]["type"]), (404, &json!("not_found_error")));
}

#[tokio::test]
async fn a_model_is_shown_under_every_name_that_can_be_asked_for() {
    let live = Live::new().await;

    for path in ["fast", "alpha/one", "alpha%2Fone", "one", "one-2026"] {
        let shown = live.get(&format!("/v1/models/{path}")).await;
        assert_eq!(shown.status, 200, "{path}");
        assert_eq!(shown.json()["id"], path.replace("%2F", "/"));
    }
    for path in ["nobody", "alpha/unheard-of", ""] {
        let shown = live.get(&format!("/v1/models/{path}")).await;
        assert_eq!((shown.status, shown.code()), (404, "model.not_available"), "{path}");
    }
}

#[tokio::test]
async fn tokens_are_estimated_and_nobody_is_asked() {
    let live = Live::new().await;

    let counted = live.post("/v1/messages/count_tokens", &message("fast")).await;

    assert_eq!((counted.status, counted.header("x-codeflow-estimated")), (200, Some("true")));
    assert!(counted.json()["input_tokens"].as_u64().is_some_and(|tokens| (2..50).contains(&tokens)));
    assert!(live.provider.asked().is_empty());
}

#[tokio::test]
async fn texts_become_vectors() {
    let live = Live::new().await;
    live.provider.plays([Play::Vector(vec![0.5, -1.0]), failure(ErrorKind::InvalidRequest)]);
    let body = r#"{"model":"fast","input":["a"],"encoding_format":"float"}"#;

    let vectors = live.post("/v1/embeddings", body).await;
    let failed = live.post("/v1/embeddings", body).await;

    assert_eq!(vectors.json()["data"][0]["embedding"], json!([0.5, -1.0]));
    assert_eq!(vectors.header("x-codeflow-cost-microusd"), Some("44"));
    assert_eq!((failed.status, failed.code()), (400, "model.invalid_request"));
    let Asked::Embed(request) = &live.provider.asked()[0] else { unreachable!("vectors are asked for") };
    assert_eq!(request.model, "one");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_say_so() {
    let live = Live::new().await;
    let wrong = async |first: &str| {
        let answered = live.ask(first, &[], "").await;
        (answered.status, answered.header("allow").map(str::to_owned), answered.code().to_owned())
    };
    let takes = |methods: &str| (405, Some(methods.to_owned()), "api.method_not_allowed".to_owned());
    let nothing = (404, None, "api.no_such_path".to_owned());

    assert_eq!(wrong("GET /v1/chat/completions").await, takes("POST"));
    assert_eq!(wrong("DELETE /v1/messages").await, takes("POST"));
    for path in ["/v1/models", "/v1/models/x", "/metrics", "/health/live", "/openapi.json"] {
        assert_eq!(wrong(&format!("POST {path}")).await, takes("GET, HEAD"), "{path}");
    }
    for path in ["/", "/v1", "/v1/completions", "/v1/chat/completions/", "/api"] {
        assert_eq!(wrong(&format!("GET {path}")).await, nothing, "{path}");
    }
    let head: Answered = live.ask("HEAD /health/live", &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[tokio::test]
async fn a_route_that_panics_answers_and_the_connection_goes_on() {
    let live = Live::new().await;
    live.provider.plays([Play::Panic, Play::Text("Hi")]);

    let panicked = live.post(CHAT, &chat("fast")).await;
    let next = live.post(CHAT, &chat("fast")).await;

    assert_eq!((panicked.status, panicked.code(), next.status), (500, "api.internal", 200));
    let rows = live.written().await.list(None, None, 9).await.expect("storage is there");
    assert_eq!(rows.len(), 2, "it is accounted for all the same");
}

#[tokio::test]
async fn how_the_process_is_can_be_asked() {
    let live = Live::new().await;

    let ready = live.ask("GET /health/ready", &[], "").await;
    live.health.draining.store(true, Ordering::SeqCst);
    let draining = live.ask("GET /health/ready", &[], "").await;
    let metrics = live.get("/metrics").await;

    assert_eq!((ready.status, draining.status), (200, 503));
    assert_eq!(draining.json(), json!({ "status": "not ready", "reason": "draining" }));
    assert_eq!(live.get("/health/live").await.json(), json!({ "status": "live" }));
    assert_eq!((metrics.status, metrics.body.as_str()), (200, "codeflow_calls 3\n"));
    assert!(
        metrics.header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text"))
    );
    assert_eq!(live.get("/api/v1/providers").await.json(), json!({ "models": [] }));
}

#[tokio::test]
async fn no_name_gets_into_a_header_as_another_header() {
    let live = Live::new().await;
    let long = format!("a{}", "x".repeat(5_000));

    let injected = live.post(CHAT, r#"{"model":"a\r\nx-evil: 1","messages":[]}"#).await;
    let long = live.post(CHAT, &chat(&long)).await;

    assert_eq!(injected.status, 404);
    assert_eq!(injected.header("x-evil"), None);
    assert_eq!(injected.header("x-codeflow-route"), Some("a??x-evil: 1"));
    assert_eq!(long.status, 404);
    assert!(long.head.len() < 2_000 && long.body.len() < 500, "{}", long.head.len());
}

/// Limits that are used up.
struct Full;

impl CallLimits for Full {
    fn admit(&self, _caller: &Caller, _model: &str, _tokens: u64) -> Result<(), Limited> {
        Err(Limited { reason: "9 requests a minute".into(), retry_after: Some(Duration::from_millis(1500)) })
    }

    fn settle(&self, _caller: &Caller, _model: &str, _estimated: u64, _used: u64) {}
}

#[tokio::test]
async fn limits_and_budgets_tell_when_to_come_back() {
    let limited = Live::with(Setting { call_limits: Arc::new(Full), ..Setting::default() }).await;
    let unpaid = Live::with(Setting { budget: Some(1_000_000), ..Setting::default() }).await;

    let limited = limited.post(CHAT, &chat("fast")).await;
    // Nobody writes accounts here, so nobody knows what is left.
    let unpaid = unpaid.post(CHAT, &chat("fast")).await;

    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("2")));
    assert_eq!(limited.json()["error"]["message"], "9 requests a minute");
    assert_eq!((unpaid.status, unpaid.code()), (503, "budget.unavailable"));
    assert_eq!(unpaid.header("x-codeflow-attempts"), Some("0"));
}
