//! However a call ends, its account is closed once: one row, one settlement, with what it cost.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::Usd;
use codeflow_gateway::{
    BudgetRule, CacheBounds, Call, CallStatus, Facts, Failed, Inbound, LocalCache, Period, RawInbound,
    ReplyBody, Scope, StepCall,
};
use codeflow_model::{
    ApiClientError, EmbedRequest, EmbedResponse, ErrorKind, StreamEvent, Usage, WireFormat,
};
use futures_util::StreamExt;

use crate::stage::{
    Play, Setting, Stage, chat, finished, piece, raw, refused, response, route, said, text, unknown, usage,
};

fn micros(cost: Option<Usd>) -> Option<u64> {
    cost.map(Usd::micros)
}

fn failed(outcome: Result<codeflow_gateway::Reply, Failed>) -> Failed {
    outcome.err().expect("the call fails")
}

/// Reads a stream to its end, and one step further: whether every piece came, or what broke it.
async fn drain(body: ReplyBody) -> Result<usize, ApiClientError> {
    let mut stream = match body {
        ReplyBody::Stream(stream) => stream.map(|item| item.map(|_| ())).boxed(),
        ReplyBody::RawStream(stream) => stream.map(|item| item.map(|_| ())).boxed(),
        ReplyBody::Raw(_) | ReplyBody::Chat(_) | ReplyBody::Embed(_) => unreachable!("a stream is expected"),
    };
    let mut count = 0;
    let mut outcome = Ok(());
    while let Some(item) = stream.next().await {
        match item {
            Ok(()) => count += 1,
            Err(error) => outcome = Err(error),
        }
    }
    assert!(stream.next().await.is_none(), "the end is the end");
    outcome.map(|()| count)
}

/// The estimate of `raw` with `alpha/one`: ten tokens in, a hundred out.
const ESTIMATE: u64 = 10 + 2 * 100;

#[tokio::test]
async fn a_whole_answer_costs_what_the_provider_says_it_used() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Chat(response(usage(30, 7)))]);

    let reply = stage.ask(chat("both", false)).await.ok().unwrap();

    assert!(matches!(&reply.body, ReplyBody::Chat(it) if it.usage == usage(30, 7)));
    assert_eq!((&*reply.evidence.provider, &*reply.evidence.model), ("alpha", "one"));
    assert_eq!((reply.evidence.attempts, micros(reply.evidence.cost)), (1, Some(44)));
    let (admitted, settled) = (stage.limits.admitted(), stage.limits.settled());
    let row = stage.row().await;
    assert_eq!((row.status, row.usage, row.attempts), (CallStatus::Succeeded, usage(30, 7), 1));
    assert_eq!((micros(row.cost), row.estimated), (Some(44), false));
    assert_eq!(
        (&*row.route, row.provider.as_deref(), row.model.as_deref()),
        ("both", Some("alpha"), Some("one"))
    );
    assert_eq!((&*row.tenant, row.user.as_deref(), &*row.key), ("acme", Some("ann"), "ci"));
    assert_eq!(settled, [(admitted[0], 37)]);
    assert!(row.latency.first_token_us.is_some() && row.latency.upstream_us.is_some());
}

#[tokio::test]
async fn a_forwarded_answer_leaves_the_format_it_was_asked_in() {
    let mut stage = Stage::forwarding("alpha");
    stage.plays("alpha", [Play::Raw("{}", Some(usage(30, 7)))]);

    let reply = stage.ask(raw("both", false)).await.ok().unwrap();

    assert!(matches!(&reply.body, ReplyBody::Raw(bytes) if &bytes[..] == b"{}"));
    assert_eq!(micros(reply.evidence.cost), Some(44));
    let row = stage.row().await;
    assert_eq!((row.format, row.stream), (Some(WireFormat::ChatCompletions), false));
}

#[tokio::test]
async fn an_answer_without_usage_is_estimated_by_its_length() {
    let mut stage = Stage::forwarding("alpha");
    stage.plays("alpha", [Play::Raw("{\"twelve\":12}", None)]);

    let reply = stage.ask(raw("both", false)).await.ok().unwrap();

    assert_eq!(micros(reply.evidence.cost), Some(10 + 2 * 5));
    let row = stage.row().await;
    assert_eq!((row.usage, row.estimated), (usage(10, 5), true));
}

#[tokio::test]
async fn a_reply_as_a_value_without_usage_is_estimated_by_its_words() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Chat(response(Usage { input: Some(30), ..Usage::default() }))]);

    stage.ask(chat("both", false)).await.ok().unwrap();

    let row = stage.row().await;
    assert_eq!(row.usage.input, Some(30));
    assert!((3..=8).contains(&row.usage.output.unwrap()), "{:?}", row.usage);
    assert!(row.estimated);
}

#[tokio::test]
async fn vectors_have_no_output_and_that_is_no_gap() {
    let mut stage = Stage::new();
    let told = Usage { input: Some(8), ..Usage::default() };
    stage
        .plays("alpha", [Play::Vectors(EmbedResponse { model: "one".into(), vectors: vec![], usage: told })]);

    let reply = stage.ask(Inbound::Embed(EmbedRequest::new("both", ["a", "b"]))).await.ok().unwrap();

    assert!(matches!(&reply.body, ReplyBody::Embed(_)));
    assert_eq!(micros(reply.evidence.cost), Some(8));
    let row = stage.row().await;
    assert_eq!((row.usage, row.estimated), (usage(8, 0), false));
}

#[tokio::test]
async fn a_stream_is_accounted_for_at_its_end() {
    let mut stage = Stage::new();
    let end = [StreamEvent::Usage(usage(30, 7)), finished()];
    let events = [text("a"), text("b")].into_iter().chain(end).map(Ok);
    stage.plays("alpha", [Play::Events(events.collect())]);

    let reply = stage.ask(chat("both", true)).await.ok().unwrap();

    assert_eq!(reply.evidence.cost, None, "nobody knows yet");
    assert_eq!(drain(reply.body).await.unwrap(), 4);
    let row = stage.row().await;
    assert_eq!((row.status, row.usage, micros(row.cost)), (CallStatus::Succeeded, usage(30, 7), Some(44)));
    assert!(row.stream && !row.estimated);
}

#[tokio::test]
async fn a_stream_that_tells_no_usage_is_estimated_by_its_pieces() {
    let mut stage = Stage::forwarding("alpha");
    let pieces = [piece("a", None, false), piece("b", None, false), piece("", None, true)];
    stage.plays("alpha", [Play::Pieces(pieces.into_iter().map(Ok).collect())]);

    let reply = stage.ask(raw("both", true)).await.ok().unwrap();
    drain(reply.body).await.unwrap();

    let row = stage.row().await;
    assert_eq!((row.status, row.usage), (CallStatus::Succeeded, usage(10, 2)));
    assert_eq!((micros(row.cost), row.estimated), (Some(14), true));
}

#[tokio::test]
async fn a_stream_that_breaks_costs_what_was_said_until_then() {
    let mut stage = Stage::new();
    let events = vec![Ok(text("a")), Ok(text("b")), Ok(text("c")), Err(said())];
    stage.plays("alpha", [Play::Events(events)]);

    let reply = stage.ask(raw("both", true)).await.ok().unwrap();
    let broke = drain(reply.body).await.unwrap_err();

    assert_eq!(broke.kind(), ErrorKind::ProviderConnection);
    let settled = stage.limits.settled();
    let row = stage.row().await;
    assert_eq!(row.status, CallStatus::Failed("model.connection".into()));
    assert_eq!((row.usage, micros(row.cost), row.estimated), (usage(10, 3), Some(16), true));
    assert_eq!(settled, [(110, 13)]);
}

#[tokio::test]
async fn a_stream_that_ends_without_its_end_is_broken() {
    let mut stage = Stage::forwarding("alpha");
    stage.plays("alpha", [Play::Pieces(vec![Ok(piece("a", Some(usage(12, 0)), false))])]);

    let reply = stage.ask(raw("both", true)).await.ok().unwrap();
    let broke = drain(reply.body).await.unwrap_err();

    assert_eq!(broke.kind(), ErrorKind::BadResponse);
    let row = stage.row().await;
    assert_eq!(row.status, CallStatus::Failed("model.bad_response".into()));
    assert_eq!(row.usage, usage(12, 1), "what was reported at the start is not what was written");
}

#[tokio::test]
async fn whoever_hangs_up_pays_for_what_was_said() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::EventsThenNothing(vec![text("a"), text("b"), text("c")])]);

    let reply = stage.ask(raw("both", true)).await.ok().unwrap();
    let ReplyBody::Stream(mut stream) = reply.body else { panic!("a stream is expected") };
    stream.next().await.unwrap().unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);

    let lines = stage.notes.lines();
    let row = stage.row().await;
    assert_eq!((row.status, row.usage, micros(row.cost)), (CallStatus::Cancelled, usage(10, 2), Some(14)));
    assert!(row.estimated);
    assert_eq!(lines, ["finished Err(Cancelled)"]);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_paid_for_like_one_that_was_left() {
    let mut stage = Stage::forwarding("alpha");
    stage.plays("alpha", [Play::PiecesThenNothing(vec![piece("a", None, false)])]);

    drop(stage.ask(raw("both", true)).await.ok().unwrap());

    let row = stage.row().await;
    assert_eq!((row.status, row.usage, row.estimated), (CallStatus::Cancelled, usage(10, 0), true));
}

#[tokio::test]
async fn whoever_gives_up_before_an_answer_pays_what_the_provider_may_have_made_of_it() {
    let stage = Stage::new();
    stage.plays("alpha", [Play::Hang]);

    let gateway = stage.gateway.clone();
    let asking =
        tokio::time::timeout(Duration::from_millis(1), gateway.ask(stage.call(), raw("both", false)));
    assert!(asking.await.is_err());

    let settled = stage.limits.settled();
    let row = stage.row().await;
    assert_eq!((row.status, row.usage), (CallStatus::Cancelled, Usage::default()));
    assert_eq!((micros(row.cost), row.estimated), (Some(ESTIMATE), true));
    assert_eq!(settled, [(110, 110)], "what may have been used is not given back");
}

#[tokio::test]
async fn whoever_gives_up_between_two_attempts_pays_for_the_first() {
    let repeat = codeflow_model::Repeat { attempts: 2, ..codeflow_model::Repeat::default() };
    let stage = Stage::with(Setting { repeat, ..Setting::default() });
    stage.plays("alpha", [unknown()]);

    let gateway = stage.gateway.clone();
    let asking =
        tokio::time::timeout(Duration::from_millis(1), gateway.ask(stage.call(), raw("alpha/one", false)));
    assert!(asking.await.is_err());

    let row = stage.row().await;
    assert_eq!((row.status, micros(row.cost)), (CallStatus::Cancelled, Some(ESTIMATE)));
}

#[tokio::test]
async fn a_provider_that_refused_is_paid_nothing() {
    let mut stage = Stage::new();
    stage.plays("alpha", [refused()]);

    let failed = failed(stage.ask(raw("alpha/one", false)).await);

    assert_eq!(failed.error.kind(), ErrorKind::Overloaded);
    assert_eq!(micros(failed.evidence.cost), Some(0));
    let settled = stage.limits.settled();
    let row = stage.row().await;
    assert_eq!(row.status, CallStatus::Failed("model.overloaded".into()));
    assert_eq!((micros(row.cost), row.estimated, row.attempts), (Some(0), false, 1));
    assert_eq!(settled, [(110, 0)]);
}

#[tokio::test]
async fn attempts_that_may_have_been_served_add_to_what_the_answer_cost() {
    let mut stage = Stage::new();
    stage.plays("alpha", [unknown()]);
    stage.plays("beta", [Play::Chat(response(usage(3, 1)))]);

    let reply = stage.ask(raw("both", false)).await.ok().unwrap();

    assert_eq!(reply.evidence.attempts, 2);
    assert_eq!(reply.evidence.trail, ["alpha/one: model.timeout"]);
    assert_eq!(reply.evidence.dropped.as_deref(), Some("logprobs"));
    let lines = stage.notes.lines();
    let row = stage.row().await;
    assert_eq!((micros(row.cost), row.estimated, row.attempts), (Some(ESTIMATE + 50), true, 2));
    assert_eq!(row.provider.as_deref(), Some("beta"));
    assert_eq!(lines, ["fell back alpha/one Timeout", "finished Ok(())"]);
}

#[tokio::test]
async fn what_has_no_price_costs_nobody_knows_what_rather_than_nothing() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Chat(response(usage(3, 1))), unknown()]);

    let reply = stage.ask(chat("alpha/unpriced", false)).await.ok().unwrap();
    let failed = failed(stage.ask(chat("alpha/unpriced", false)).await);

    assert_eq!((reply.evidence.cost, failed.evidence.cost), (None, None));
    let rows = stage.rows().await;
    assert_eq!(rows.iter().map(|row| row.cost).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test]
async fn a_tier_has_its_own_price_and_several_replies_are_reserved_for() {
    let mut stage = Stage::forwarding("alpha");
    stage.plays("alpha", [Play::Raw("{}", Some(usage(30, 8))), unknown()]);
    let flex = |tier: Option<&str>, replies| {
        let Inbound::Raw(inner) = raw("alpha/one", false) else { unreachable!() };
        let facts = Facts { tier: tier.map(str::to_owned), replies, ..inner.facts };
        Inbound::Raw(RawInbound { facts, ..inner })
    };

    let reply = stage.ask(flex(Some("flex"), None)).await.ok().unwrap();
    let failed = failed(stage.ask(flex(None, Some(3))).await);

    assert_eq!(micros(reply.evidence.cost), Some(23));
    assert_eq!(micros(failed.evidence.cost), Some(10 + 2 * 300));
    assert_eq!(stage.limits.admitted(), [110, 310]);
}

#[tokio::test]
async fn the_tier_of_a_request_as_a_value_counts_too() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Chat(response(usage(30, 8)))]);
    let Inbound::Chat { mut request, stream } = chat("alpha/one", false) else { unreachable!() };
    request.extra.insert("service_tier".into(), "flex".into());

    let reply = stage.ask(Inbound::Chat { request, stream }).await.ok().unwrap();

    assert_eq!(micros(reply.evidence.cost), Some(23));
}

#[tokio::test]
async fn a_used_up_budget_is_told_and_no_provider_is_asked() {
    let rule = BudgetRule {
        name: "small".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::from_micros(100),
    };
    let mut stage = Stage::with(Setting { budgets: vec![rule], ..Setting::default() });

    let failed = failed(stage.ask(raw("both", false)).await);

    assert_eq!(failed.error.kind(), ErrorKind::BudgetExceeded);
    assert_eq!(failed.evidence.attempts, 0);
    assert_eq!(failed.evidence.trail, ["alpha/one: model.budget_exceeded"]);
    let row = stage.row().await;
    assert_eq!(row.status, CallStatus::Failed("model.budget_exceeded".into()));
    assert_eq!((row.provider, row.attempts, micros(row.cost)), (None, 0, Some(0)));
}

#[tokio::test]
async fn a_step_spends_the_budget_of_its_execution_and_no_more() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Chat(response(usage(30, 7)))]);
    let execution = codeflow_core::ExecutionId::from_uuid(uuid::Uuid::from_u128(7));
    let step = |stage: &Stage, budget| Call {
        step: Some(StepCall { execution, path: "review".into(), budget: Some(Usd::from_micros(budget)) }),
        ..stage.call()
    };

    let within = step(&stage, 300);
    let first = stage.ask_as(within, raw("alpha/one", false)).await;
    let beyond = step(&stage, 250);
    let second = failed(stage.ask_as(beyond, raw("alpha/one", false)).await);

    assert!(first.is_ok());
    assert_eq!(second.error.kind(), ErrorKind::BudgetExceeded);
    let rows = stage.rows().await;
    assert_eq!((rows[0].execution, rows[0].step.as_deref()), (Some(execution), Some("review")));
}

fn cached() -> Setting {
    let bounds = CacheBounds { ttl: Duration::from_secs(60), bytes: 1 << 20, entry_bytes: 1 << 10 };
    Setting { cache: Some(Arc::new(LocalCache::new(bounds))), ..Setting::forwarding("alpha") }
}

#[tokio::test]
async fn an_earlier_answer_costs_nothing_and_asks_nobody() {
    let mut stage = Stage::with(cached());
    stage.plays("alpha", [Play::Raw("{}", Some(usage(30, 7)))]);

    stage.ask(raw("both", false)).await.ok().unwrap();
    let again = stage.ask(raw("both", false)).await.ok().unwrap();

    assert!(matches!(&again.body, ReplyBody::Raw(bytes) if &bytes[..] == b"{}"));
    assert!(again.evidence.cached);
    assert_eq!((again.evidence.attempts, micros(again.evidence.cost)), (0, Some(0)));
    assert_eq!((&*again.evidence.provider, &*again.evidence.model), ("alpha", "one"));
    assert_eq!(stage.limits.settled(), [(110, 37), (110, 0)]);
    let lines = stage.notes.lines();
    assert_eq!(lines, ["looked up false", "finished Ok(())", "looked up true", "finished Ok(())"]);
    let rows = stage.rows().await;
    assert_eq!(rows[1].status, CallStatus::Cached);
    assert_eq!((rows[1].usage, micros(rows[1].cost)), (usage(30, 7), Some(0)));
}

#[tokio::test]
async fn an_earlier_stream_is_given_at_once_and_only_if_it_was_whole() {
    let mut stage = Stage::with(cached());
    let whole = vec![Ok(piece("a", None, false)), Ok(piece("b", Some(usage(30, 7)), true))];
    stage.plays("alpha", [Play::Pieces(vec![Ok(piece("a", None, false)), Err(said())]), Play::Pieces(whole)]);

    let broken = stage.ask(raw("both", true)).await.ok().unwrap();
    assert!(drain(broken.body).await.is_err());
    let whole = stage.ask(raw("both", true)).await.ok().unwrap();
    assert_eq!(drain(whole.body).await.unwrap(), 2);
    let again = stage.ask(raw("both", true)).await.ok().unwrap();

    let ReplyBody::RawStream(mut stream) = again.body else { panic!("a stream is expected") };
    assert_eq!(&stream.next().await.unwrap().unwrap().bytes[..], b"ab");
    assert!(again.evidence.cached && stream.next().await.is_none());
}

#[tokio::test]
async fn whoever_wants_no_earlier_answer_gets_none() {
    let mut stage = Stage::with(cached());
    stage.plays("alpha", [Play::Raw("1", None), Play::Raw("2", None)]);

    stage.ask(raw("both", false)).await.ok().unwrap();
    let fresh = Call { use_cache: false, ..stage.call() };
    let fresh = stage.ask_as(fresh, raw("both", false)).await.ok().unwrap();

    assert!(!fresh.evidence.cached);
    assert_eq!(stage.source.provider("alpha").heard().len(), 2);
}

#[tokio::test]
async fn an_answer_larger_than_the_cache_takes_is_not_kept() {
    let mut stage = Stage::with(cached());
    let long: &'static str = Box::leak("x".repeat(2 << 10).into_boxed_str());
    stage.plays("alpha", [Play::Raw(long, None), Play::Raw(long, None)]);

    stage.ask(raw("both", false)).await.ok().unwrap();
    let again = stage.ask(raw("both", false)).await.ok().unwrap();

    assert!(!again.evidence.cached);
}

#[tokio::test]
async fn a_stream_too_long_to_keep_passes_all_the_same() {
    let mut stage = Stage::with(cached());
    let long: &'static str = Box::leak("x".repeat(3 << 20).into_boxed_str());
    let pieces = || {
        let pieces = [piece(long, None, false), piece(long, None, false), piece("", None, true)];
        Play::Pieces(pieces.into_iter().map(Ok).collect())
    };
    stage.plays("alpha", [pieces(), pieces()]);

    let first = stage.ask(raw("both", true)).await.ok().unwrap();
    assert_eq!(drain(first.body).await.unwrap(), 3);
    let again = stage.ask(raw("both", true)).await.ok().unwrap();

    assert!(!again.evidence.cached);
}

#[tokio::test]
async fn an_error_before_anything_was_sent_costs_nothing() {
    let mut stage =
        Stage::with(Setting { routes: vec![route("unreadable", &["alpha/one"])], ..Setting::default() });

    let failed = failed(stage.ask(raw("unreadable", false)).await);

    assert_eq!(failed.error.kind(), ErrorKind::InvalidRequest);
    assert_eq!((failed.evidence.attempts, micros(failed.evidence.cost)), (0, Some(0)));
    assert_eq!(stage.row().await.attempts, 0);
}
