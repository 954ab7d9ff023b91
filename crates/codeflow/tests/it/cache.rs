//! Answers that are given again: to whom, for what, and how they are counted.

use codeflow_gateway::{CallStatus, UsageStore};
use codeflow_testkit::providers::{Format, Manner, Misbehaviour, Moment, ProviderServer, Refusal};

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Sdk};

const ELSEWHERE: &str = "other-key-0123456789abcdef";

async fn gateway(settings: &str) -> (Served, ProviderServer) {
    let first = ProviderServer::start().await.expect("a port is free");
    let others = format!("[keys.elsewhere]\nsecret = \"{ELSEWHERE}\"\ntenant = \"elsewhere\"\n");
    let prices = "[models.\"first/m\"]\nprices = { input = 100, output = 1000 }\n";
    let provider = provider("first", Format::OpenAi, &first);
    (Served::start(&[NO_BREAKER, settings, &others, prices, &provider].concat()).await, first)
}

const ON: &str = "[cache]\nenabled = true\n";

fn ask() -> Ask {
    Ask::new(Sdk::OpenAi, "first/m")
}

#[tokio::test]
async fn nothing_is_kept_unless_settings_say_so() {
    let (served, first) = gateway("").await;

    for _ in 0..2 {
        assert_eq!(ask().to(served.address).await.header("x-codeflow-cache"), "");
    }

    assert_eq!(first.counters().requests, 2);
}

#[tokio::test]
async fn the_very_same_request_is_answered_again_for_nothing() {
    let (mut served, first) = gateway(ON).await;

    let one = ask().to(served.address).await;
    let two = ask().to(served.address).await;

    assert_eq!(one.header("x-codeflow-cache"), "");
    assert_eq!(two.header("x-codeflow-cache"), "hit");
    assert_eq!(two.header("x-codeflow-cost-microusd"), "0");
    assert_eq!(two.header("x-codeflow-attempts"), "0");
    assert_eq!(two.body, one.body);
    assert_eq!(first.counters().requests, 1);
    assert_eq!(served.metric("codeflow_gateway_cache_total{result=\"hit\"}").await, 1.0);
    assert_eq!(served.metric("codeflow_gateway_cache_total{result=\"miss\"}").await, 1.0);
    assert!(served.stop().await);
    let rows = served.database.open().await.list(None, None, 10).await.expect("the rows can be read");
    let cached: Vec<_> = rows.iter().filter(|row| row.status == CallStatus::Cached).collect();
    assert_eq!(cached.len(), 1);
    assert_eq!(cached[0].cost.map(|cost| cost.micros()), Some(0));
}

#[tokio::test]
async fn a_stream_is_replayed_as_it_was() {
    let (served, first) = gateway(ON).await;

    let one = ask().streamed().to(served.address).await;
    let two = ask().streamed().to(served.address).await;

    assert!(one.ends_well() && two.ends_well());
    assert_eq!(two.body, one.body);
    assert_eq!(two.header("content-type"), one.header("content-type"));
    assert_eq!(two.header("x-codeflow-cache"), "hit");
    // The same request for a whole answer is another request.
    assert_eq!(ask().to(served.address).await.header("x-codeflow-cache"), "");
    assert_eq!(first.counters().requests, 2);
}

#[tokio::test]
async fn another_tenant_or_another_byte_is_another_request() {
    let (served, first) = gateway(ON).await;

    let asks = [
        ask(),
        ask().by(ELSEWHERE),
        ask().with("temperature", 0.5),
        ask().with("nobody_knows_this_field", true),
        ask().with("model", "first/n"),
        Ask::new(Sdk::Anthropic, "first/m"),
    ];
    for ask in asks {
        let told = ask.to(served.address).await;
        assert_eq!((told.status, told.header("x-codeflow-cache")), (200, ""), "{ask:?}");
    }

    assert_eq!(first.counters().requests, 6);
}

#[tokio::test]
async fn a_client_that_wants_no_earlier_answer_gets_none_and_leaves_none() {
    let (served, first) = gateway(ON).await;

    for control in ["cache-control: no-store", "cache-control: no-cache", "cache-control: No-Store"] {
        let told = ask().header(control).to(served.address).await;
        assert_eq!((told.status, told.header("x-codeflow-cache")), (200, ""), "{control}");
    }
    assert_eq!(ask().to(served.address).await.header("x-codeflow-cache"), "");

    assert_eq!(first.counters().requests, 4);
}

#[tokio::test]
async fn what_failed_or_broke_is_not_kept() {
    let (served, first) = gateway(ON).await;
    first.next(Misbehaviour::Refuses(Refusal::Invalid));
    first.next(Misbehaviour::Stops { at: Moment::AfterTokens, how: Manner::Closes });

    assert_eq!(ask().streamed().to(served.address).await.status, 400);
    assert!(ask().streamed().to(served.address).await.error_event().is_some());
    let third = ask().streamed().to(served.address).await;

    assert!(third.ends_well());
    assert_eq!(third.header("x-codeflow-cache"), "");
    assert_eq!(first.counters().requests, 3);
}
