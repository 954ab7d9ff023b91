//! What failed by no fault of a client, as whoever runs the server sees it.

use codeflow_testkit::providers::{Format, Manner, Misbehaviour, Moment, ProviderServer};

use crate::identity::{call, found, sign_in};
use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Sdk};

#[tokio::test]
async fn a_call_that_failed_is_in_the_metrics_and_in_the_list() {
    let first = ProviderServer::start().await.expect("a port is free");
    let settings = [NO_BREAKER, &provider("first", Format::OpenAi, &first)].concat();
    let mut served = Served::start(&settings).await;
    found(&mut served).await;
    let (ada, _) = sign_in(served.address, "ada").await;
    let before = served.get("/metrics").await.text();
    first.always(Misbehaviour::Stops { at: Moment::BeforeHead, how: Manner::Closes });

    let told = Ask::new(Sdk::OpenAi, "first/m").to(served.address).await;

    assert_eq!(told.status, 502, "{}", told.text());
    assert!(before.contains("codeflow_request_panics_total 0\n"), "{before}");
    assert!(!before.contains("codeflow_request_failures_total"), "{before}");
    assert_eq!(served.metric("codeflow_request_failures_total{code=\"model.connection\"}").await, 1.0);
    let listed = call(served.address, "GET /api/v1/errors", &ada, None).await.json();
    let group = &listed["data"][0];
    assert_eq!((&group["code"], &group["count"]), (&"model.connection".into(), &1.into()), "{listed}");
    assert_eq!(group["last_request_id"], told.header("x-request-id"));
}
