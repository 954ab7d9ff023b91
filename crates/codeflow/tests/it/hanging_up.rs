//! Clients that do not wait for the end: the provider is told at once, and what it had said until then is paid for.

use std::time::Duration;

use codeflow_gateway::{CallStatus, UsageRow, UsageStore};
use codeflow_testkit::providers::{Behaviour, Format, Manner, Misbehaviour, Moment, ProviderServer, Reply};

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Line, Sdk};

/// How long the news may take to the provider.
const PROMPTLY: Duration = Duration::from_secs(1);

/// Dollars for a million tokens: 100 µ$ for one that goes in, 1000 µ$ for one that comes out.
const PRICES: &str = "[models.\"first/m\"]\nprices = { input = 100, output = 1000 }\n";

async fn gateway(format: Format) -> (Served, ProviderServer) {
    let first = ProviderServer::start().await.expect("a port is free");
    let served = Served::start(&[NO_BREAKER, PRICES, &provider("first", format, &first)].concat()).await;
    (served, first)
}

/// The only row that there is, once the server has ended and written it.
async fn only_row(mut served: Served) -> UsageRow {
    assert!(served.stop().await);
    let database = served.database.open().await;
    let mut rows = database.list(None, None, 10).await.expect("the rows can be read");
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

async fn before_the_head(format: Format, ask: Ask) {
    let (served, first) = gateway(format).await;
    first.always(Misbehaviour::Stops { at: Moment::BeforeHead, how: Manner::Hangs });
    let mut line = Line::connect(served.address).await;
    line.send(&ask.bytes()).await;
    first.wait_until(|counters| counters.stalled == 1).await;

    drop(line);

    let counters = first.wait_within(PROMPTLY, |counters| counters.hung_up == 1).await;
    let counters = counters.expect("the provider is told within a second");
    assert_eq!((counters.requests, counters.open_requests), (1, 0));
    let row = only_row(served).await;
    assert_eq!((row.status, row.attempts, row.estimated), (CallStatus::Cancelled, 1, true));
    assert!(row.cost.is_some_and(|cost| cost.micros() > 0), "what went in is paid for: {:?}", row.cost);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head_takes_the_call_with_it() {
    before_the_head(Format::OpenAi, Ask::new(Sdk::OpenAi, "first/m")).await;
}

#[tokio::test]
async fn a_client_that_leaves_before_a_stream_begins_takes_the_call_with_it() {
    before_the_head(Format::Anthropic, Ask::new(Sdk::OpenAi, "first/m").streamed()).await;
}

/// The client reads some words of many and leaves.
async fn in_mid_stream(format: Format, sdk: Sdk) {
    const SEEN: usize = 10;
    let (served, first) = gateway(format).await;
    let slow = Misbehaviour::Slow(Duration::from_millis(10));
    first.always(Behaviour { reply: Reply::words(5000), trouble: Some(slow) });
    let mut line = Line::connect(served.address).await;
    line.send(&Ask::new(sdk, "first/m").streamed().bytes()).await;
    line.until_times("word ", SEEN).await;

    drop(line);

    let counters = first.wait_within(PROMPTLY, |counters| counters.hung_up == 1).await;
    let counters = counters.expect("the provider is told within a second");
    let gone = counters.hang_ups[0].after;
    let row = only_row(served).await;
    assert_eq!((row.status, row.stream, row.estimated), (CallStatus::Cancelled, true, true));
    let input = row.usage.input.expect("what went in is estimated, if nothing else");
    let output = row.usage.output.expect("what came out was counted");
    // The provider cannot have said more in that time.
    let most = gone.as_millis() as u64 / 10 + 1;
    assert!((SEEN as u64..=most).contains(&output), "{output} of at most {most} words are paid for");
    let cost = row.cost.expect("the prices are known").micros();
    assert!(cost >= output * 1000 && cost <= output * 1000 + input * 100, "{cost} µ$: {:?}", row.usage);
}

#[tokio::test]
async fn a_client_that_leaves_a_forwarded_stream_pays_for_what_was_said() {
    in_mid_stream(Format::OpenAi, Sdk::OpenAi).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_forwarded_stream_of_messages_pays_for_what_was_said() {
    in_mid_stream(Format::Anthropic, Sdk::Anthropic).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_translated_stream_pays_for_what_was_said() {
    in_mid_stream(Format::Gemini, Sdk::OpenAi).await;
    in_mid_stream(Format::OpenAi, Sdk::Anthropic).await;
}

#[tokio::test]
async fn a_stream_that_breaks_is_paid_for_as_far_as_it_came() {
    let (served, first) = gateway(Format::OpenAi).await;
    first.always(Misbehaviour::Stops { at: Moment::AfterTokens, how: Manner::Closes });

    let told = Ask::new(Sdk::OpenAi, "first/m").streamed().to(served.address).await;

    assert!(told.error_event().is_some());
    let row = only_row(served).await;
    assert_eq!(row.status, CallStatus::Failed("model.connection".into()));
    assert!(row.usage.output.is_some_and(|output| output > 0), "{:?}", row.usage);
    assert!(row.cost.is_some_and(|cost| cost.micros() > 0) && row.estimated);
}

#[tokio::test]
async fn a_whole_answer_is_paid_for_to_the_token() {
    let (served, _first) = gateway(Format::OpenAi).await;

    let told = Ask::new(Sdk::OpenAi, "first/m").to(served.address).await;

    // 20 tokens went in, whether or not some came from a cache, and 9 came out.
    assert_eq!(told.header("x-codeflow-cost-microusd"), "11000");
    let row = only_row(served).await;
    assert_eq!((row.status, row.estimated), (CallStatus::Succeeded, false));
    assert_eq!(row.cost.map(|cost| cost.micros()), Some(11_000));
    assert_eq!((row.usage.input, row.usage.output), (Some(20), Some(9)));
    assert_eq!((&*row.key, &*row.tenant, &*row.route), ("master", "default", "first/m"));
}
