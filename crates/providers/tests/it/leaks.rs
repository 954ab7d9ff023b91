//! Connections: whoever leaves frees them, whoever is done lends them to the next.

use std::sync::Arc;
use std::time::Duration;

use codeflow_model::{ChatModel, ChatStream, ErrorKind, RawReply, RawStream, WireFormat};
use codeflow_providers::{Anthropic, Compatibility, Dialect, HttpModel, OpenAi};
use codeflow_testkit::providers::{Counters, Manner, Misbehaviour, Moment, ProviderServer, Refusal, When};
use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::world::{Ask, Way, ask, raw, request};

/// How long the provider may take to see that its client is gone.
const PROMPTLY: Duration = Duration::from_secs(1);

fn openai() -> OpenAi {
    OpenAi::new("provider", Compatibility::default())
}

async fn world() -> (ProviderServer, HttpModel<OpenAi>) {
    let server = ProviderServer::start().await.expect("starts");
    let model = Way::out().to(&server, "/v1", openai());
    (server, model)
}

async fn promptly(server: &ProviderServer, condition: impl FnMut(&Counters) -> bool) -> Counters {
    let seen = server.wait_within(PROMPTLY, condition).await;
    seen.unwrap_or_else(|counters| panic!("the provider did not see it within a second: {counters:#?}"))
}

fn stops(at: Moment, how: Manner) -> Misbehaviour {
    Misbehaviour::Stops { at, how }
}

#[tokio::test]
async fn a_dropped_stream_closes_its_connection_promptly() {
    let (server, model) = world().await;
    server.always(stops(Moment::AfterTokens, Manner::Hangs));

    let mut stream = model.stream(&request()).await.expect("has a first token");
    stream.next().await.expect("is there").expect("is an event");
    drop(stream);
    let RawReply::Stream(forwarded) =
        model.forward(&raw(WireFormat::ChatCompletions, true)).await.expect("begins")
    else {
        panic!("was asked for a stream")
    };
    drop(forwarded);

    let counters =
        promptly(&server, |counters| counters.hung_up == 2 && counters.open_connections == 0).await;
    assert_eq!((counters.connections, counters.open_requests), (2, 0));
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection_promptly() {
    let (server, model) = world().await;
    let dialect = Arc::new(openai());
    let said = watch::Sender::new(false);
    for at in [Moment::BeforeHead, Moment::AfterHead, Moment::BeforeTokens] {
        for asked in Ask::ALL {
            if at == Moment::BeforeTokens && !asked.is_streamed() {
                continue;
            }
            server.next(stops(at, Manner::Hangs));
            let before = server.counters().hung_up;

            tokio::select! {
                ended = ask(&model, &dialect, asked, &said) => panic!("{at:?} {asked:?}: {ended:?}"),
                _ = server.wait_until(|counters| counters.stalled == 1) => {}
            }

            promptly(&server, |counters| counters.hung_up == before + 1 && counters.open_connections == 0)
                .await;
        }
    }
}

#[tokio::test]
async fn an_error_in_the_middle_frees_the_connection() {
    let (server, model) = world().await;
    let dialect = Arc::new(openai());
    let said = watch::Sender::new(false);
    for trouble in [
        Misbehaviour::ErrorEvent(When::AfterTokens),
        Misbehaviour::Garbles(When::AfterTokens),
        Misbehaviour::HugeBody(2 << 20),
        Misbehaviour::HugeFrame(2 << 20),
        stops(Moment::AfterTokens, Manner::Closes),
        stops(Moment::AfterTokens, Manner::Resets),
        stops(Moment::AfterTokens, Manner::Ends),
    ] {
        for asked in [Ask::Stream, Ask::ForwardStream] {
            server.next(trouble);

            ask(&model, &dialect, asked, &said).await.expect_err("fails");

            promptly(&server, |counters| counters.open_requests == 0).await;
            ask(&model, &dialect, asked, &said).await.expect("the next call finds a connection that serves");
        }
    }

    drop(model);

    promptly(&server, |counters| counters.open_connections == 0).await;
}

#[tokio::test]
async fn a_stream_that_failed_holds_nothing_while_it_is_kept() {
    let (server, model) = world().await;
    server.always(Misbehaviour::HugeBody(16 << 20));

    let mut kept: Vec<ChatStream> = Vec::new();
    for _ in 0..2 {
        let mut stream = model.stream(&request()).await.expect("begins");
        while stream.next().await.expect("fails in the end").is_ok() {}
        kept.push(stream);
    }
    let mut forwarded: Vec<RawStream> = Vec::new();
    for _ in 0..2 {
        let reply = model.forward(&raw(WireFormat::ChatCompletions, true)).await.expect("begins");
        let RawReply::Stream(mut stream) = reply else { panic!("was asked for a stream") };
        while stream.next().await.expect("fails in the end").is_ok() {}
        forwarded.push(stream);
    }

    promptly(&server, |counters| counters.open_requests == 0 && counters.open_connections == 0).await;
    assert_eq!((kept.len(), forwarded.len()), (2, 2));
}

async fn reuses<D: Dialect>(base: &str, dialect: fn() -> D) {
    for asked in Ask::ALL {
        let server = ProviderServer::start().await.expect("starts");
        let model = Way::out().to(&server, base, dialect());
        let said = watch::Sender::new(false);

        for _ in 0..5 {
            ask(&model, &Arc::new(dialect()), asked, &said).await.expect("answers");
        }

        let counters = server.wait_until(|counters| counters.finished == 5).await;
        assert_eq!((counters.requests, counters.connections), (5, 1), "{asked:?}");
    }
}

#[tokio::test]
async fn a_finished_reply_lends_its_connection_to_the_next() {
    reuses("/v1", openai).await;
    reuses("", || Anthropic::new("provider")).await;
}

#[tokio::test]
async fn a_refusal_lends_its_connection_to_the_next() {
    let (server, model) = world().await;
    for _ in 0..5 {
        server.next(Misbehaviour::Refuses(Refusal::Unavailable));
        let error = model.complete(&request()).await.expect_err("is refused");
        assert_eq!(error.kind(), ErrorKind::Overloaded);
    }

    model.complete(&request()).await.expect("answers");

    assert_eq!((server.counters().requests, server.counters().connections), (6, 1));
}

#[tokio::test]
async fn two_hundred_dropped_streams_leave_no_connection_and_no_task() {
    let (server, model) = world().await;
    server.always(stops(Moment::AfterTokens, Manner::Hangs));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();

    let streams = join_all((0..200).map(|_| async { model.stream(&request()).await.expect("begins") })).await;
    server.wait_until(|counters| counters.stalled == 200).await;
    assert!(tasks() >= before + 200, "every connection has a task");
    drop(streams);

    let counters = promptly(&server, |counters| counters.open_connections == 0).await;
    assert_eq!((counters.hung_up, counters.open_requests), (200, 0));
    let ended = async {
        while tasks() > before {
            yield_now().await;
        }
    };
    assert!(timeout(PROMPTLY, ended).await.is_ok(), "{} tasks are left of {before}", tasks());
}
