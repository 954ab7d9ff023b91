//! Limits and policies: what refuses a call before anybody is asked, and what keeps a reply from its caller.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::Usd;
use codeflow_gateway::{
    CallStatus, Failed, Limited, ModelPolicy, Policy, Reads, Refusal, Reply, ReplyBody, ReplyView,
    RequestView,
};
use codeflow_model::{ErrorKind, StreamEvent};
use futures_util::StreamExt;

use crate::stage::{Heard, Play, Setting, Stage, chat, finished, raw, response, said, text, usage};

/// Notes what it sees, and refuses replies if it is told to.
struct Reader {
    reads: Reads,
    refuses: bool,
    seen: Mutex<Vec<String>>,
}

impl Reader {
    fn new(reads: Reads, refuses: bool) -> Arc<Self> {
        Arc::new(Self { reads, refuses, seen: Mutex::default() })
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Policy for Reader {
    fn name(&self) -> &str {
        "reader"
    }

    fn reads(&self) -> Reads {
        self.reads
    }

    async fn on_request(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        let messages = request.chat.map(|chat| chat.messages.len());
        self.seen.lock().unwrap().push(format!("{} {messages:?}", request.model));
        Ok(())
    }

    async fn on_reply(&self, reply: &ReplyView<'_>) -> Result<(), Refusal> {
        let said = format!("{}/{} {}", reply.provider, reply.model, reply.reply.parts.len());
        self.seen.lock().unwrap().push(said);
        if self.refuses { Err(Refusal { reason: "not that".into() }) } else { Ok(()) }
    }
}

const REPLIES: Reads = Reads { request: false, reply: true };

fn with(policies: Vec<Arc<dyn Policy>>) -> Stage {
    Stage::with(Setting { policies, ..Setting::default() })
}

fn forwarding(policies: Vec<Arc<dyn Policy>>) -> Stage {
    Stage::with(Setting { policies, ..Setting::forwarding("alpha") })
}

fn failed(outcome: Result<Reply, Failed>) -> Failed {
    outcome.err().expect("the call fails")
}

#[tokio::test]
async fn a_limit_refuses_with_its_reason_and_leaves_no_row() {
    let mut stage = Stage::new();
    let retry_after = Some(Duration::from_secs(7));
    *stage.limits.refusal.lock().unwrap() = Some(Limited { reason: "too many".into(), retry_after });

    let failed = failed(stage.ask(chat("both", false)).await);

    assert_eq!((failed.error.kind(), failed.error.to_string()), (ErrorKind::RateLimited, "too many".into()));
    assert_eq!(failed.error.details().retry_after, retry_after);
    assert_eq!((stage.notes.lines(), stage.limits.settled().len()), (vec!["refused RateLimited".into()], 0));
    assert!(stage.rows().await.is_empty());
}

#[tokio::test]
async fn limits_that_others_count_too_are_waited_for() {
    let mut stage = Stage::new();
    stage.limits.is_shared.store(true, std::sync::atomic::Ordering::Relaxed);
    stage.plays("alpha", [Play::Chat(response(usage(1, 1)))]);

    let answered = stage.ask(chat("both", false)).await;
    let refusal = Limited { reason: "too many".into(), retry_after: None };
    *stage.limits.refusal.lock().unwrap() = Some(refusal);
    let failed = failed(stage.ask(chat("both", false)).await);

    assert!(answered.is_ok());
    assert_eq!(failed.error.kind(), ErrorKind::RateLimited);
    assert_eq!(stage.limits.admitted().len(), 1);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_refused_before_limits_are_asked() {
    let mut stage = Stage::new();

    let failed = failed(stage.ask(chat("nobody", false)).await);

    assert_eq!((failed.error.kind(), &*failed.evidence.route), (ErrorKind::ModelNotAvailable, "nobody"));
    assert_eq!(stage.limits.admitted(), [0_u64; 0]);
    assert_eq!(stage.notes.lines(), ["refused ModelNotAvailable"]);
}

#[tokio::test]
async fn names_are_allowed_and_denied_by_how_they_begin() {
    let policy = |allow: Option<&[&str]>, deny: &[&str]| {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ModelPolicy { allow: allow.map(all), deny: all(deny), max_output_tokens: None }
    };
    let judge = async |policy: ModelPolicy| {
        let mut stage = with(vec![Arc::new(policy)]);
        stage.plays("alpha", [Play::Chat(response(usage(1, 1)))]);
        stage.ask(chat("alpha/one", false)).await.map(|_| ()).map_err(|failed| failed.error)
    };

    assert!(judge(policy(None, &[])).await.is_ok());
    assert!(judge(policy(Some(&["alpha/*"]), &["alpha/two"])).await.is_ok());
    let denied = judge(policy(Some(&["alpha/*"]), &["alpha/o*"])).await.unwrap_err();
    let other = judge(policy(Some(&["alpha/on", "beta/*"]), &[])).await.unwrap_err();

    assert_eq!(denied.kind(), ErrorKind::InvalidPolicy);
    assert_eq!(denied.to_string(), "policy `models` refuses this: model `alpha/one` is denied");
    assert!(other.to_string().ends_with("is not among the allowed ones"), "{other}");
}

#[tokio::test]
async fn a_call_may_ask_for_as_many_tokens_as_are_allowed_and_not_one_more() {
    let policy = |most| ModelPolicy { max_output_tokens: Some(most), ..ModelPolicy::default() };
    let mut exact = with(vec![Arc::new(policy(100))]);
    exact.plays("alpha", [Play::Chat(response(usage(1, 1)))]);
    let mut less = with(vec![Arc::new(policy(99))]);

    assert!(exact.ask(chat("both", false)).await.is_ok());
    let refused = failed(less.ask(chat("both", false)).await);

    assert!(refused.error.to_string().ends_with("100 output tokens are asked for, and 99 are allowed"));
}

#[tokio::test]
async fn bytes_are_read_for_a_policy_that_reads_requests_and_forwarded_all_the_same() {
    let reader = Reader::new(Reads { request: true, reply: false }, true);
    let mut stage = forwarding(vec![Arc::clone(&reader) as _]);
    stage.plays("alpha", [Play::Raw("{}", Some(usage(1, 1)))]);

    let reply = stage.ask(raw("both", false)).await.ok().unwrap();

    assert!(matches!(reply.body, ReplyBody::Raw(_)));
    assert_eq!(reader.seen(), ["both Some(1)"], "replies are not its business");
    assert_eq!(stage.source.provider("alpha").heard(), [Heard::Forward("one".into())]);
}

#[tokio::test]
async fn a_policy_that_reads_nothing_is_shown_no_words() {
    let reader = Reader::new(Reads::default(), false);
    let mut stage = forwarding(vec![Arc::clone(&reader) as _]);
    stage.plays("alpha", [Play::Raw("{}", Some(usage(1, 1)))]);

    stage.ask(raw("both", false)).await.ok().unwrap();

    assert_eq!(reader.seen(), ["both None"]);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_where_somebody_has_to_read_it() {
    let reader = Reader::new(Reads { request: true, reply: false }, false);
    let routes = vec![crate::stage::route("unreadable", &["alpha/one"])];
    let mut stage = Stage::with(Setting { policies: vec![reader], routes, ..Setting::forwarding("alpha") });

    let failed = failed(stage.ask(raw("unreadable", false)).await);

    assert_eq!(failed.error.kind(), ErrorKind::InvalidRequest);
    assert!(stage.rows().await.is_empty());
}

#[tokio::test]
async fn a_reply_that_a_policy_keeps_back_is_paid_for() {
    let reader = Reader::new(REPLIES, true);
    let mut stage = forwarding(vec![Arc::clone(&reader) as _]);
    stage.plays("alpha", [Play::Chat(response(usage(30, 7)))]);

    let failed = failed(stage.ask(raw("both", false)).await);

    assert_eq!(failed.error.kind(), ErrorKind::InvalidPolicy);
    assert_eq!(failed.evidence.cost, Some(Usd::from_micros(44)));
    assert_eq!(reader.seen(), ["both None", "alpha/one 1"]);
    let row = stage.row().await;
    assert_eq!((row.status, row.cost), (CallStatus::Succeeded, Some(Usd::from_micros(44))));
}

fn stream() -> Play {
    let events = [text("a"), text("b"), StreamEvent::Usage(usage(30, 7)), finished()];
    Play::Events(events.into_iter().map(Ok).collect())
}

#[tokio::test]
async fn a_stream_is_held_back_until_a_policy_has_seen_it_whole() {
    let reader = Reader::new(REPLIES, false);
    let mut stage = with(vec![Arc::clone(&reader) as _]);
    stage.plays("alpha", [stream()]);

    let reply = stage.ask(raw("both", true)).await.ok().unwrap();

    assert_eq!(reply.evidence.cost, Some(Usd::from_micros(44)), "it is known before the first piece");
    assert_eq!(reader.seen(), ["both None", "alpha/one 1"]);
    let ReplyBody::Stream(events) = reply.body else { panic!("a stream is expected") };
    assert_eq!(events.count().await, 4);
    assert_eq!(stage.row().await.status, CallStatus::Succeeded);
}

#[tokio::test]
async fn nothing_is_heard_of_a_stream_that_a_policy_refuses() {
    let mut stage = with(vec![Reader::new(REPLIES, true)]);
    stage.plays("alpha", [stream()]);

    let failed = failed(stage.ask(raw("both", true)).await);

    assert_eq!(
        (failed.error.kind(), failed.evidence.cost),
        (ErrorKind::InvalidPolicy, Some(Usd::from_micros(44)))
    );
    assert_eq!(stage.row().await.cost, Some(Usd::from_micros(44)));
}

#[tokio::test]
async fn a_held_back_stream_that_breaks_costs_what_was_said() {
    let mut stage = with(vec![Reader::new(REPLIES, false)]);
    stage.plays("alpha", [Play::Events(vec![Ok(text("a")), Err(said())])]);

    let failed = failed(stage.ask(raw("both", true)).await);

    assert_eq!(failed.error.kind(), ErrorKind::ProviderConnection);
    assert_eq!(failed.evidence.cost, Some(Usd::from_micros(12)));
    assert_eq!(stage.row().await.usage, usage(10, 1));
}

#[tokio::test]
async fn whoever_leaves_a_held_back_stream_pays_for_what_was_said() {
    let stage = with(vec![Reader::new(REPLIES, false)]);
    stage.plays("alpha", [Play::EventsThenNothing(vec![text("a"), text("b")])]);

    let asking = stage.gateway.ask(stage.call(), raw("both", true));
    assert!(tokio::time::timeout(Duration::from_millis(1), asking).await.is_err());

    let row = stage.row().await;
    assert_eq!((row.status, row.usage), (CallStatus::Cancelled, usage(10, 2)));
}

#[tokio::test(start_paused = true)]
async fn a_held_back_stream_has_to_be_whole_at_the_deadline() {
    let mut stage = with(vec![Reader::new(REPLIES, false)]);
    stage.plays("alpha", [Play::EventsThenNothing(vec![text("a")])]);

    let failed = failed(stage.ask_within(Duration::from_millis(50), raw("both", true)).await);

    assert_eq!(failed.error.kind(), ErrorKind::Timeout);
    let row = stage.row().await;
    assert_eq!((row.status, row.usage), (CallStatus::Failed("model.timeout".into()), usage(10, 1)));
}

#[tokio::test]
async fn vectors_are_no_reply_that_a_policy_reads() {
    let reader = Reader::new(REPLIES, true);
    let mut stage = with(vec![Arc::clone(&reader) as _]);
    let vectors = codeflow_model::EmbedResponse { model: "one".into(), vectors: vec![], usage: usage(1, 0) };
    stage.plays("alpha", [Play::Vectors(vectors)]);

    let request = codeflow_model::EmbedRequest::new("both", ["a"]);
    let reply = stage.ask(codeflow_gateway::Inbound::Embed(request)).await;

    assert!(reply.is_ok());
    assert_eq!(reader.seen(), ["both None"]);
}
