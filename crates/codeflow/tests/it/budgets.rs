//! Budgets under many calls at once: what a budget covers is admitted, no more and no less, whoever else is counted for it.

use std::sync::Arc;
use std::time::Duration;

use codeflow::core::{Timestamp, Usd};
use codeflow_gateway::{AccountStore, Balance, BudgetRule, Caller, Period, Scope, Subjects, UsageStore};
use codeflow_testkit::TestDb;
use codeflow_testkit::providers::{Behaviour, Format, Misbehaviour, ProviderServer, Reply, Tokens};
use tokio::task::JoinSet;

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Sdk, Told};

/// Dollars for a million tokens: 100 µ$ for one that goes in, 1000 µ$ for one that comes out.
const PRICES: &str = "[models.\"first/m\"]\nprices = { input = 100, output = 1000 }\n";

/// The call that all tests make.
fn ask() -> Ask {
    Ask::new(Sdk::OpenAi, "first/m")
}

/// What goes in with it, as the gateway estimates it: a token for three bytes.
fn tokens_in() -> u64 {
    ask().body.to_string().len().div_ceil(3) as u64
}

/// What is set aside for it.
fn estimate() -> u64 {
    tokens_in() * 100 + 9 * 1000
}

/// An answer that costs what was estimated, so that nothing is given back while others still ask. It is slow, so that
/// they ask at the same time.
fn costs_its_estimate() -> Behaviour {
    let tokens = Tokens { input: tokens_in(), cached: 0, output: 9, thoughts: 0 };
    let slow = Misbehaviour::Slow(Duration::from_millis(30));
    Behaviour { reply: Reply { tokens, ..Reply::default() }, trouble: Some(slow) }
}

fn budget(micros: u64) -> String {
    let dollars = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    format!("[[budgets]]\nname = \"team\"\nscope = \"key\"\nperiod = \"total\"\nlimit = \"{dollars}\"\n")
}

/// The settings of a gateway whose key may spend so much.
fn settings(micros: u64, first: &ProviderServer) -> String {
    [NO_BREAKER, &budget(micros), PRICES, &provider("first", Format::OpenAi, first)].concat()
}

/// What storage knows of the budget.
async fn balance(database: &TestDb) -> Balance {
    let rule = BudgetRule {
        name: "team".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::ZERO,
    };
    let caller = Caller {
        tenant: "default".into(),
        user: None,
        key: "master".into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    };
    let key = rule.key(&Subjects { caller: &caller, execution: None }, Timestamp::EPOCH);
    let database = database.open().await;
    database.balance(&key.expect("the rule is about the key")).await.expect("the budget can be read")
}

fn count(told: &[Told], status: u16) -> usize {
    told.iter().filter(|told| told.status == status).count()
}

/// Fifty calls at once, spread over the servers, against a budget for twenty.
async fn admits_exactly_twenty(database: TestDb, servers: usize) {
    let first = ProviderServer::start().await.expect("a port is free");
    first.always(costs_its_estimate());
    let settings = settings(20 * estimate(), &first);
    let database = Arc::new(database);
    let mut all = Vec::new();
    for _ in 0..servers {
        all.push(Served::start_on(&database, &settings).await);
    }

    let mut calls = JoinSet::new();
    for number in 0..50 {
        let address = all[number % servers].address;
        calls.spawn(async move { ask().to(address).await });
    }
    let told = calls.join_all().await;

    assert_eq!((count(&told, 200), count(&told, 429)), (20, 30), "{told:#?}");
    assert_eq!(first.counters().requests, 20);
    for refused in told.iter().filter(|told| told.status == 429) {
        assert_eq!(refused.json()["error"]["code"], "insufficient_quota");
        assert_eq!(refused.header("x-codeflow-error"), "model.budget_exceeded");
        assert_eq!(refused.header("x-should-retry"), "false");
        assert_eq!(refused.header("x-codeflow-attempts"), "0");
    }
    for served in &mut all {
        assert!(served.stop().await);
    }
    let spent = Usd::from_micros(20 * estimate());
    assert_eq!(balance(&database).await, Balance { spent, unknown: Usd::ZERO, leased: Usd::ZERO });
    let rows = database.open().await.list(None, None, 100).await.expect("the rows can be read");
    let paid: u64 = rows.iter().filter_map(|row| row.cost).map(|cost| cost.micros()).sum();
    assert_eq!((rows.len(), paid), (50, 20 * estimate()), "the rows add up to what the budget says");
}

#[tokio::test]
async fn fifty_calls_against_a_budget_for_twenty_are_twenty_calls_on_sqlite() {
    admits_exactly_twenty(TestDb::sqlite().await, 1).await;
}

#[tokio::test]
async fn fifty_calls_against_a_budget_for_twenty_are_twenty_calls_on_postgres() {
    admits_exactly_twenty(TestDb::postgres().await, 1).await;
}

#[tokio::test]
async fn two_servers_on_one_database_admit_what_one_would() {
    admits_exactly_twenty(TestDb::postgres().await, 2).await;
}

#[tokio::test]
async fn what_a_call_did_not_cost_is_there_for_the_next() {
    let first = ProviderServer::start().await.expect("a port is free");
    let tokens = Tokens { input: 1, cached: 0, output: 1, thoughts: 0 };
    first.always(Reply { tokens, ..Reply::default() });
    // Without what comes back, the second call would not be covered any more.
    let mut served = Served::start(&settings(estimate() + 9 * 1100, &first)).await;

    for number in 0..10 {
        let told = ask().to(served.address).await;
        assert_eq!(told.status, 200, "call {number}: {}", told.text());
    }

    assert!(served.stop().await);
    let spent = Usd::from_micros(10 * 1100);
    assert_eq!(balance(&served.database).await, Balance { spent, unknown: Usd::ZERO, leased: Usd::ZERO });
}

#[tokio::test]
async fn a_call_that_was_refused_by_the_provider_costs_nothing() {
    let first = ProviderServer::start().await.expect("a port is free");
    first.always(Misbehaviour::Refuses(codeflow_testkit::providers::Refusal::Unauthorized));
    let mut served = Served::start(&settings(10 * estimate(), &first)).await;

    for _ in 0..12 {
        assert_eq!(ask().to(served.address).await.status, 502);
    }

    assert!(served.stop().await);
    assert_eq!(balance(&served.database).await, Balance::default());
}

#[tokio::test]
async fn a_call_that_no_budget_ever_covers_is_refused_at_once_in_both_shapes() {
    let first = ProviderServer::start().await.expect("a port is free");
    let served = Served::start(&settings(estimate() - 1, &first)).await;

    let openai = ask().to(served.address).await;
    let anthropic = Ask::new(Sdk::Anthropic, "first/m").streamed().to(served.address).await;

    assert_eq!((openai.status, openai.json()["error"]["type"].as_str()), (429, Some("insufficient_quota")));
    assert_eq!(anthropic.status, 429);
    assert_eq!(anthropic.json()["type"], "error");
    assert_eq!(anthropic.header("x-should-retry"), "false");
    assert_eq!(first.counters().requests, 0);
    assert!(served.metric("codeflow_gateway_budget_refusals_total").await >= 2.0);
}
