//! The walk through the models of a route: who is asked next, until when, and with what.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Coded, Usd};
use codeflow_gateway::{BudgetRule, Period, ReplyBody, Scope};
use codeflow_model::{ChatRequest, ErrorKind, Message, Reach, Repeat, Role};

use crate::stage::{
    Heard, Play, Setting, Stage, chat, failure, raw, refused, response, route, unknown, usage,
};

fn repeat() -> Repeat {
    let (first, cap) = (Duration::from_secs(2), Duration::from_secs(10));
    Repeat { attempts: 3, first, cap, jitter: false }
}

#[tokio::test(start_paused = true)]
async fn the_same_model_is_asked_again_and_then_the_next() {
    let mut stage = Stage::with(Setting { repeat: repeat(), ..Setting::default() });
    stage.plays("alpha", [refused(), refused(), refused()]);
    stage.plays("beta", [Play::Chat(response(usage(1, 1)))]);

    let reply = stage.ask(chat("both", false)).await.ok().unwrap();

    assert_eq!(reply.evidence.attempts, 4);
    assert_eq!(reply.evidence.trail, ["alpha/one: model.overloaded"; 3]);
    assert!(reply.evidence.upstream >= Duration::ZERO);
    let again = "repeated alpha/one Overloaded";
    assert_eq!(stage.notes.lines(), [again, again, "fell back alpha/one Overloaded", "finished Ok(())"]);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_wrong_everywhere() {
    let mut stage = Stage::new();
    stage.plays("alpha", [Play::Fail(failure(ErrorKind::InvalidRequest, Reach::Refused))]);

    let failed = stage.ask(chat("both", false)).await.err().unwrap();

    assert_eq!(failed.error.kind(), ErrorKind::InvalidRequest);
    assert!(stage.source.provider("beta").heard().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_storage_that_is_away_ends_the_walk_at_the_first_model() {
    let rule = BudgetRule {
        name: "all".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::from_micros(1_000_000),
    };
    let stage = Stage::with(Setting { budgets: vec![rule], ..Setting::default() });
    let began = tokio::time::Instant::now();

    // Nobody writes accounts, so nobody says what is left.
    let failed = stage.gateway.ask(stage.call(), chat("both", false)).await.err().unwrap();

    assert_eq!(failed.evidence.trail, ["alpha/one: model.overloaded"]);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(failed.evidence.attempts, 0);
    let cause = std::error::Error::source(&failed.error).unwrap();
    let cause = cause.downcast_ref::<codeflow_gateway::BudgetError>().unwrap();
    assert_eq!(cause.code(), "budget.unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_an_attempt_and_the_walk() {
    let mut stage = Stage::with(Setting { repeat: repeat(), ..Setting::default() });
    stage.plays("alpha", [Play::Hang]);
    let began = tokio::time::Instant::now();

    let failed = stage.ask_within(Duration::from_millis(50), chat("both", false)).await.err().unwrap();

    assert_eq!(failed.error.kind(), ErrorKind::Timeout);
    assert_eq!(failed.error.details().reach, Reach::Unknown);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(stage.source.provider("beta").heard().is_empty());
    let row = stage.row().await;
    assert!(row.estimated && row.cost.unwrap() > Usd::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_while_a_budget_is_asked_too() {
    let rule = BudgetRule {
        name: "all".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::from_micros(1_000_000),
    };
    let stage = Stage::with(Setting { budgets: vec![rule], ..Setting::default() });
    let deadline = Some(std::time::Instant::now() + Duration::from_millis(50));
    let call = codeflow_gateway::Call { deadline, ..stage.call() };

    let failed = stage.gateway.ask(call, chat("both", false)).await.err().unwrap();

    assert_eq!((failed.error.kind(), failed.error.details().reach), (ErrorKind::Timeout, Reach::NotSent));
    assert_eq!(failed.evidence.cost, Some(Usd::ZERO));
}

#[tokio::test(start_paused = true)]
async fn waits_are_drawn_from_the_name_of_the_request() {
    let wait = async |id: &str| {
        let repeat = Repeat { jitter: true, ..repeat() };
        let mut stage = Stage::with(Setting { repeat, ..Setting::default() });
        stage.plays("alpha", [unknown(), Play::Chat(response(usage(1, 1)))]);
        let call = codeflow_gateway::Call { request_id: id.into(), ..stage.call() };
        let began = tokio::time::Instant::now();
        stage.ask_as(call, chat("alpha/one", false)).await.ok().unwrap();
        began.elapsed()
    };

    let first = wait("req_00000000000000000000000000000001").await;
    let again = wait("req_00000000000000000000000000000001").await;
    let second = wait("req_00000000000000000000000000000002").await;

    assert_eq!(first, again);
    assert!(first.abs_diff(second) > Duration::from_millis(20), "{first:?} {second:?}");
    assert!(first.max(second) <= Duration::from_millis(2_001), "{first:?} {second:?}");
}

/// What `alpha/one` was asked: it takes no sampling, and no beginning of its reply.
fn asked(stage: &Stage) -> ChatRequest {
    match stage.source.provider("alpha").heard().remove(0) {
        Heard::Complete(request) | Heard::Stream(request) => request,
        Heard::Forward(_) | Heard::Embed(_) => unreachable!("a conversation is expected"),
    }
}

#[tokio::test]
async fn a_request_is_made_to_fit_the_model_it_goes_to() {
    for stream in [false, true] {
        let mut stage = Stage::new();
        stage.plays("alpha", [refused()]);
        let codeflow_gateway::Inbound::Chat { mut request, .. } = chat("alpha/one", stream) else {
            unreachable!()
        };
        request.temperature = Some(0.5);

        stage.ask(codeflow_gateway::Inbound::Chat { request, stream }).await.err().unwrap();

        let asked = asked(&stage);
        assert_eq!((asked.temperature, asked.model.as_str()), (None, "one"));
        assert_eq!(asked.max_output_tokens, Some(100));
    }
}

#[tokio::test]
async fn a_model_that_cannot_take_a_request_is_passed_over_for_one_that_may() {
    let mut stage = Stage::new();
    stage.plays("beta", [Play::Chat(response(usage(1, 1)))]);
    let begun = vec![Message::text(Role::User, "Hello"), Message::text(Role::Assistant, "Well,")];
    let request = ChatRequest::new("both", begun);

    let reply = stage.ask(codeflow_gateway::Inbound::Chat { request, stream: false }).await.ok().unwrap();

    assert!(matches!(reply.body, ReplyBody::Chat(_)));
    assert_eq!(reply.evidence.trail, ["alpha/one: model.invalid_request"]);
    assert_eq!(reply.evidence.attempts, 1);
    assert!(stage.source.provider("alpha").heard().is_empty());
}

#[tokio::test]
async fn bytes_are_forwarded_where_they_pass_and_read_where_they_do_not() {
    let mut stage = Stage::forwarding("beta");
    stage.plays("alpha", [refused()]);
    stage.plays("beta", [Play::Raw("{}", Some(usage(1, 1)))]);

    let reply = stage.ask(raw("both", false)).await.ok().unwrap();

    assert!(matches!(reply.body, ReplyBody::Raw(_)));
    assert_eq!(reply.evidence.dropped, None, "nothing is lost of what is forwarded");
    assert_eq!(asked(&stage).model, "one");
    assert_eq!(stage.source.provider("beta").heard(), [Heard::Forward("one".into())]);
}

#[tokio::test]
async fn a_request_that_has_the_models_own_name_is_asked_as_it_is() {
    let names = vec![route("fast", &["alpha/large"])];
    let mut stage = Stage::with(Setting { routes: names, ..Setting::default() });
    stage.plays("alpha", [Play::Chat(response(usage(1, 1))), Play::Chat(response(usage(1, 1)))]);

    stage.ask(chat("large", false)).await.ok().unwrap();
    stage.ask(chat("fast", false)).await.ok().unwrap();

    let heard = Arc::clone(&stage.source.provider("alpha")).heard();
    assert_eq!(heard.iter().map(Heard::model).collect::<Vec<_>>(), ["large", "large"]);
}
