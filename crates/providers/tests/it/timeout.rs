//! Deadlines, in time that only tests have.

use std::sync::Arc;
use std::time::Duration;

use codeflow_model::{Ask, ChatModel, ErrorKind, Phase, RawReply, Reach};
use codeflow_providers::{Deadlines, Timeout};
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::scripted::{Act, Beat, Scripted, drain, raw_request, request, seconds, streams};

fn deadlines() -> Deadlines {
    Deadlines { first_token: seconds(5), between_tokens: seconds(2), total: seconds(20) }
}

fn around(script: impl Fn(usize) -> Act + Send + Sync + 'static) -> (Arc<Scripted>, Timeout) {
    let model = Scripted::new("fake", script);
    (Arc::clone(&model), Timeout::new(model, deadlines()))
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline_and_says_that_it_may_be_billed() {
    let (model, timeout) = around(|_| Act::Hang);
    let asked = request("m");
    let raw = raw_request("m");

    for (ask, limit) in [(Ask::Stream(&asked), 5), (Ask::Forward(&raw), 5), (Ask::Complete(&asked), 20)] {
        let start = Instant::now();

        let error = timeout.call(ask).await.err().expect("is late");

        assert_eq!(start.elapsed(), seconds(limit));
        assert_eq!((error.kind(), error.details().reach), (ErrorKind::Timeout, Reach::Unknown));
        assert_eq!((&*error.details().provider, &*error.details().model), ("fake", "m"));
        assert!(error.may_fall_back() && error.may_retry());
        assert_eq!(model.open(), 0, "the call was dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_has_no_other_deadline_than_the_total() {
    let (_, timeout) = around(|_| Act::Answer(seconds(19), Vec::new()));

    assert!(timeout.complete(&request("m")).await.is_ok());
    assert!(timeout.stream(&request("m")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_pause_in_a_stream_ends_it_with_an_error_and_closes_it() {
    let beats = || [Beat::Say("a"), Beat::Wait(Duration::from_millis(1_999)), Beat::Say("b"), Beat::Hang];
    let (model, timeout) = around(move |_| streams(beats()));
    let start = Instant::now();

    let events = timeout.stream(&request("m")).await.expect("begins");
    let (count, error) = drain(events).await;

    let error = error.expect("is late");
    assert_eq!(count, 2);
    assert_eq!(start.elapsed(), Duration::from_millis(3_999));
    assert_eq!((error.kind(), error.details().phase), (ErrorKind::Timeout, Phase::AfterFirstToken));
    assert_eq!(error.details().reach, Reach::Unknown);
    assert_eq!(error.to_string(), "`fake` took too long to go on with its reply");
    assert_eq!(model.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_stream_is_closed_when_its_error_is_given_and_not_when_it_is_dropped() {
    let (model, timeout) = around(|_| streams([Beat::Say("a"), Beat::Hang]));

    let mut events = timeout.stream(&request("m")).await.expect("begins");
    assert!(events.next().await.expect("an event").is_ok());
    assert!(events.next().await.expect("an item").is_err());

    assert_eq!(model.open(), 0);
    drop(events);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_handed_on_keeps_the_same_pace() {
    let (model, timeout) = around(|_| streams([Beat::Say("a"), Beat::Say("b"), Beat::Hang]));

    let RawReply::Stream(pieces) = timeout.forward(&raw_request("m")).await.expect("begins") else {
        unreachable!("a stream was asked for")
    };
    let (count, error) = drain(pieces).await;

    assert_eq!((count, error.expect("is late").kind()), (2, ErrorKind::Timeout));
    assert_eq!(model.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_steady_stream_ends_at_the_total() {
    let beats = || (0..100).flat_map(|_| [Beat::Say("a"), Beat::Wait(seconds(1))]);
    let (model, timeout) = around(move |_| streams(beats()));
    let start = Instant::now();

    let (count, error) = drain(timeout.stream(&request("m")).await.expect("begins")).await;

    assert_eq!(start.elapsed(), seconds(20));
    assert!((20..=21).contains(&count), "{count}");
    assert_eq!(error.expect("is late").to_string(), "`fake` took too long to finish its reply");
    assert_eq!(model.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_any_pause_ends_at_the_total_too() {
    let (_, timeout) = around(|_| streams((0..10_000).map(|_| Beat::Say("a"))));
    let mut events = timeout.stream(&request("m")).await.expect("begins");
    assert!(events.next().await.expect("an event").is_ok());

    tokio::time::advance(seconds(21)).await;
    let (count, error) = drain(events).await;

    assert_eq!(error.expect("is late").kind(), ErrorKind::Timeout);
    assert!(count < 100, "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_not_the_providers_fault() {
    let beats =
        || [Beat::Say("a"), Beat::Wait(seconds(1)), Beat::Say("b"), Beat::Wait(seconds(1)), Beat::Finish];
    let (_, timeout) = around(move |_| streams(beats()));
    let mut events = timeout.stream(&request("m")).await.expect("begins");

    let mut count = 0;
    while let Some(event) = events.next().await {
        assert!(event.is_ok());
        count += 1;
        tokio::time::advance(seconds(3)).await;
    }

    assert_eq!(count, 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_late_after_the_last_event() {
    let (_, timeout) = around(|_| streams([Beat::Say("a"), Beat::Finish, Beat::Wait(seconds(60))]));

    let (count, error) = drain(timeout.stream(&request("m")).await.expect("begins")).await;

    assert_eq!((count, error.map(|error| error.kind())), (2, None));
}

#[tokio::test(start_paused = true)]
async fn endless_deadlines_are_no_deadlines() {
    let model = Scripted::new("fake", |_| Act::Answer(seconds(1_000_000), vec![Beat::Finish]));
    let forever =
        Deadlines { first_token: Duration::MAX, between_tokens: Duration::MAX, total: Duration::MAX };

    let answer = Timeout::new(model, forever).stream(&request("m")).await;

    assert_eq!(drain(answer.expect("begins")).await.0, 1);
}
