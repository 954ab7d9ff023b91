//! Who may call, for what, and how often: keys, their lists of models, limits per minute, policies.

use codeflow_testkit::providers::{Behaviour, Format, ProviderServer, Reply, Tokens};

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Line, Sdk, Told};

const TEAM: &str = "team-key-0123456789abcdef";

async fn gateway(settings: &str) -> (Served, ProviderServer) {
    let first = ProviderServer::start().await.expect("a port is free");
    let provider = provider("first", Format::OpenAi, &first);
    let served = Served::start(&[NO_BREAKER, settings, &provider].concat()).await;
    (served, first)
}

/// Sends a request with these lines for a key.
async fn with_key(served: &Served, path: &str, lines: &str) -> Told {
    let mut line = Line::connect(served.address).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n{lines}content-type: application/json\r\n\
         content-length: 2\r\n\r\n{{}}"
    );
    line.send(head.as_bytes()).await;
    line.finish().await
}

#[tokio::test]
async fn a_call_without_a_key_of_ours_is_refused_in_the_shape_of_its_sdk() {
    let (served, first) = gateway("").await;
    let cases = [
        ("", "api.missing_key"),
        ("authorization: Basic abc\r\n", "api.malformed_key"),
        ("authorization: Bearer one\r\nx-api-key: two\r\n", "api.malformed_key"),
        ("authorization: Bearer nobodys-key-at-all\r\n", "api.unknown_key"),
        ("x-api-key: \r\n", "api.unknown_key"),
    ];

    for (lines, code) in cases {
        let openai = with_key(&served, "/v1/chat/completions", lines).await;
        assert_eq!(openai.status, 401, "{lines}");
        assert_eq!(openai.header("x-codeflow-error"), code, "{lines}");
        assert_eq!(openai.json()["error"]["code"], "invalid_api_key");
        assert_eq!(openai.json()["error"]["type"], "authentication_error");

        let anthropic = with_key(&served, "/v1/messages", lines).await;
        assert_eq!(anthropic.status, 401, "{lines}");
        assert_eq!(anthropic.json()["type"], "error");
        assert_eq!(anthropic.json()["error"]["type"], "authentication_error");
        assert_eq!(anthropic.json()["request_id"], anthropic.header("request-id"));
    }
    assert_eq!(first.counters().requests, 0);
}

#[tokio::test]
async fn every_path_but_health_needs_a_key() {
    let (served, _first) = gateway("").await;
    let cases = [
        ("/metrics", 401),
        ("/api/v1/providers", 401),
        ("/v1/models", 401),
        ("/v1/models/first/m", 401),
        ("/health/live", 200),
        ("/health/ready", 200),
    ];

    for (path, status) in cases {
        let mut line = Line::connect(served.address).await;
        line.send(format!("GET {path} HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n\r\n").as_bytes())
            .await;
        assert_eq!(line.finish().await.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_key_reaches_the_models_on_its_list_and_sees_no_others() {
    let settings = format!(
        "[keys.team]\nsecret = \"{TEAM}\"\nmodels = [\"quick\", \"first/a*\"]\n\
         [routes.quick]\nmodels = [\"first/m\"]\n"
    );
    let (served, first) = gateway(&settings).await;

    for (model, status) in
        [("quick", 200), ("first/abc", 200), ("first/m", 403), ("strong", 403), ("nobody", 403)]
    {
        let told = Ask::new(Sdk::OpenAi, model).by(TEAM).to(served.address).await;
        assert_eq!(told.status, status, "{model}: {}", told.text());
        if status == 403 {
            assert_eq!(told.json()["error"]["code"], "api.model_forbidden");
            assert_eq!(told.json()["error"]["type"], "permission_error");
        }
    }
    let anthropic = Ask::new(Sdk::Anthropic, "first/m").by(TEAM).to(served.address).await;
    assert_eq!(
        (anthropic.status, anthropic.json()["error"]["type"].as_str()),
        (403, Some("permission_error"))
    );
    assert_eq!(first.counters().requests, 2);

    let mut line = Line::connect(served.address).await;
    let head =
        format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {TEAM}\r\n\r\n");
    line.send(head.as_bytes()).await;
    let names = line.finish().await.json();
    let names: Vec<_> = names["data"].as_array().into_iter().flatten().map(|it| it["id"].clone()).collect();
    assert_eq!(names, ["quick"]);
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_come_back() {
    let (served, first) = gateway("[limits]\nrequests_per_minute = 2\n").await;

    let mut told = Vec::new();
    for sdk in [Sdk::OpenAi, Sdk::OpenAi, Sdk::OpenAi, Sdk::Anthropic] {
        told.push(Ask::new(sdk, "first/m").to(served.address).await);
    }

    assert_eq!(told.iter().map(|told| told.status).collect::<Vec<_>>(), [200, 200, 429, 429]);
    let seconds: u64 = told[2].header("retry-after").parse().expect("it says when");
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(told[2].json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(told[2].json()["error"]["type"], "rate_limit_error");
    assert_eq!(told[2].header("x-codeflow-error"), "model.rate_limited");
    assert_eq!(told[3].json()["error"]["type"], "rate_limit_error");
    assert_eq!(first.counters().requests, 2);
    assert!(served.metric("codeflow_gateway_limit_refusals_total{scope=\"caller\"}").await >= 2.0);
}

#[tokio::test]
async fn a_key_with_a_limit_of_its_own_is_not_counted_with_others() {
    let settings = format!(
        "[limits]\nrequests_per_minute = 1\n[keys.team]\nsecret = \"{TEAM}\"\nrequests_per_minute = 3\n"
    );
    let (served, _first) = gateway(&settings).await;

    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(Ask::new(Sdk::OpenAi, "first/m").by(TEAM).to(served.address).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(Ask::new(Sdk::OpenAi, "first/m").to(served.address).await.status, 200);
}

#[tokio::test]
async fn tokens_that_were_set_aside_and_not_used_come_back() {
    let (served, first) = gateway("[limits]\ntokens_per_minute = 1000\n").await;
    let used = |output| {
        Behaviour::from(Reply {
            tokens: Tokens { input: 10, cached: 0, output, thoughts: 0 },
            ..Reply::default()
        })
    };

    // Each sets more than eight hundred aside and uses twenty.
    first.always(used(10));
    for _ in 0..5 {
        let told = Ask::new(Sdk::OpenAi, "first/m").with("max_tokens", 800).to(served.address).await;
        assert_eq!(told.status, 200, "{}", told.text());
    }
    // One that uses all that it set aside leaves none for the next.
    first.always(used(800));
    assert_eq!(Ask::new(Sdk::OpenAi, "first/m").with("max_tokens", 800).to(served.address).await.status, 200);
    let told = Ask::new(Sdk::OpenAi, "first/m").with("max_tokens", 900).to(served.address).await;
    assert_eq!(told.status, 429);
    assert_ne!(told.header("retry-after"), "");
    assert_eq!(first.counters().requests, 6);
}

#[tokio::test]
async fn a_policy_decides_which_models_may_be_called_and_how_much_they_may_say() {
    let settings = "[policy]\nallow_models = [\"first/*\"]\ndeny_models = [\"first/secret\"]\nmax_output_tokens = 100\n\
        [routes.open]\nmodels = [\"first/secret\", \"first/m\"]\n[routes.closed]\nmodels = [\"first/secret\"]\n";
    let (served, first) = gateway(settings).await;

    // Whatever name it is asked for by: its own, that of a route, or that of nobody else.
    for name in ["first/secret", "closed", "secret"] {
        let denied = Ask::new(Sdk::OpenAi, name).to(served.address).await;
        assert_eq!(denied.status, 403, "{name}: {}", denied.text());
        assert_eq!(denied.header("x-codeflow-error"), "model.invalid_policy");
    }
    let too_long = Ask::new(Sdk::OpenAi, "first/m").with("max_tokens", 101).to(served.address).await;
    assert_eq!(too_long.status, 403, "{}", too_long.text());
    assert_eq!(first.counters().requests, 0);

    assert_eq!(Ask::new(Sdk::OpenAi, "first/m").with("max_tokens", 100).to(served.address).await.status, 200);
    // A route goes on without the model that is denied.
    let open = Ask::new(Sdk::OpenAi, "open").to(served.address).await;
    assert_eq!((open.status, open.header("x-codeflow-model")), (200, "m"), "{}", open.text());
    assert_eq!(open.header("x-codeflow-trail"), "first/secret: denied by a policy");
}
