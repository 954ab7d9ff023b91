//! What a call sees of budgets: which rules are about it, when they renew, what it is told, and what a lost database or
//! a lost lease does to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{Class, Coded, SessionId, Timestamp, Usd};
use codeflow_gateway::{
    AccountSettings, AccountStore, Accounts, Balance, Batch, BudgetError, BudgetKey, BudgetRule, Caller,
    Charge, Committed, Committer, Ending, Hold, Period, Recall, Recovered, Scope, StoreError, Subjects,
};
use codeflow_testkit::{ManualClock, MemoryAccounts, SequentialIds};
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn usd(micros: u64) -> Usd {
    Usd::from_micros(micros)
}

fn rule(name: &str, scope: Scope, period: Period, limit: u64) -> BudgetRule {
    BudgetRule { name: name.into(), scope, subject: None, period, limit: usd(limit) }
}

fn caller(tenant: &str, user: Option<&str>, key: &str) -> Caller {
    Caller {
        tenant: tenant.into(),
        user: user.map(Arc::from),
        key: key.into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    }
}

/// A storage whose connection can be cut, before a commit is made or after.
struct Cut {
    store: MemoryAccounts,
    is_away: AtomicBool,
    loses_answers: AtomicBool,
}

impl Cut {
    fn error() -> StoreError {
        StoreError::new("storage is away", "cut")
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.is_away.load(Ordering::SeqCst) { Err(Self::error()) } else { Ok(()) }
    }
}

#[async_trait]
impl AccountStore for Cut {
    async fn open(&self, session: SessionId, lease: Duration) -> Result<(), StoreError> {
        self.check()?;
        self.store.open(session, lease).await
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, StoreError> {
        self.check()?;
        let committed = self.store.commit(batch).await;
        if self.loses_answers.swap(false, Ordering::SeqCst) { Err(Self::error()) } else { committed }
    }

    async fn recalls(&self, session: SessionId) -> Result<Vec<Recall>, StoreError> {
        self.check()?;
        self.store.recalls(session).await
    }

    async fn end(&self, which: Ending) -> Result<Recovered, StoreError> {
        self.check()?;
        self.store.end(which).await
    }

    async fn balance(&self, key: &BudgetKey) -> Result<Balance, StoreError> {
        self.store.balance(key).await
    }
}

/// Accounts in memory, whose committer moves only when it is told to.
struct Desk {
    clock: Arc<ManualClock>,
    store: Arc<Cut>,
    accounts: Accounts,
    committer: Committer,
}

impl Desk {
    fn new(rules: Vec<BudgetRule>) -> Self {
        Self::with(rules, AccountSettings::default())
    }

    fn with(rules: Vec<BudgetRule>, settings: AccountSettings) -> Self {
        let clock = Arc::new(ManualClock::default());
        let memory = MemoryAccounts::new(Arc::clone(&clock) as _);
        let store = Arc::new(Cut {
            store: memory,
            is_away: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
        });
        let ids = Arc::new(SequentialIds::new());
        let (accounts, committer) =
            Accounts::new(rules, Arc::clone(&store) as _, Arc::clone(&clock) as _, ids, settings);
        Self { clock, store, accounts, committer }
    }

    /// Reserves, with as many steps of the committer as that takes.
    async fn reserve(&mut self, caller: &Caller, estimate: u64) -> Result<Hold, BudgetError> {
        let accounts = self.accounts.clone();
        let who = Subjects { caller, execution: None };
        let reserve = accounts.reserve(&who, None, usd(estimate));
        tokio::pin!(reserve);
        loop {
            tokio::select! {
                biased;
                outcome = &mut reserve => return outcome,
                () = self.committer.step() => {}
            }
        }
    }

    /// What is spent, leased and unknown of the budget of `rule` at this moment.
    async fn balance(&self, rule: &BudgetRule, caller: &Caller) -> (u64, u64, u64) {
        let now = codeflow_core::Clock::now(&*self.clock);
        let key = rule.key(&Subjects { caller, execution: None }, now).unwrap();
        let balance = self.store.balance(&key).await.unwrap();
        (balance.spent.micros(), balance.leased.micros(), balance.unknown.micros())
    }
}

#[tokio::test]
async fn a_refusal_names_the_budget_its_period_its_limit_and_when_it_renews() {
    let daily = rule("ann's day", Scope::User, Period::Day, 5_000_000);
    let mut desk = Desk::new(vec![daily, rule("month", Scope::Tenant, Period::Month, 7_000_000)]);
    let ann = caller("acme", Some("ann"), "ci");

    let today = desk.reserve(&ann, 6_000_000).await.unwrap_err();
    let month = desk.reserve(&caller("acme", None, "ci"), 8_000_000).await.unwrap_err();

    let said = "the budget `ann's day` of $5.00 a day does not cover this call; it renews at 2026-01-02T00:00:00.000Z";
    assert_eq!(today.to_string(), said);
    assert_eq!((today.code(), today.class()), ("model.budget_exceeded", Class::Limited));
    assert!(month.to_string().ends_with("it renews at 2026-02-01T00:00:00.000Z"), "{month}");
}

#[tokio::test]
async fn a_budget_is_full_again_at_midnight_and_at_the_end_of_the_month() {
    let (day, month) =
        (rule("day", Scope::Key, Period::Day, 100), rule("month", Scope::Key, Period::Month, 150));
    let mut desk = Desk::new(vec![day.clone(), month.clone()]);
    let ci = caller("acme", None, "ci");
    desk.clock.advance(DAY - Duration::from_micros(1));
    desk.reserve(&ci, 100).await.unwrap().settle(Charge::Exact(usd(100)));
    assert!(desk.reserve(&ci, 1).await.is_err());

    desk.clock.advance(Duration::from_micros(1));
    desk.reserve(&ci, 50).await.unwrap().settle(Charge::Exact(usd(50)));
    let of_month = desk.reserve(&ci, 1).await.unwrap_err();
    assert!(of_month.to_string().contains("`month`"), "{of_month}");

    desk.clock.advance(DAY * 30);
    desk.reserve(&ci, 100).await.unwrap().settle(Charge::Exact(usd(100)));
    desk.committer.run(stopped()).await;
}

#[tokio::test]
async fn a_call_that_began_before_midnight_is_paid_from_that_day() {
    let day = rule("day", Scope::Key, Period::Day, 100);
    let mut desk =
        Desk::with(vec![day.clone()], AccountSettings { lease: 2 * DAY, ..AccountSettings::default() });
    let ci = caller("acme", None, "ci");
    let hold = desk.reserve(&ci, 100).await.unwrap();
    let yesterday =
        day.key(&Subjects { caller: &ci, execution: None }, Timestamp::from_micros(1_767_225_600_000_000));

    desk.clock.advance(DAY);
    hold.settle(Charge::Exact(usd(70)));
    desk.committer.run(stopped()).await;

    let balance = desk.store.balance(&yesterday.unwrap()).await.unwrap();
    assert_eq!((balance.spent, balance.leased), (usd(70), Usd::ZERO));
}

#[tokio::test]
async fn each_has_a_budget_of_their_own_unless_the_rule_names_somebody() {
    let each = rule("each", Scope::User, Period::Total, 100);
    let bob = BudgetRule { subject: Some("bob".into()), ..rule("bob", Scope::User, Period::Total, 10) };
    let mut desk = Desk::new(vec![each, bob]);

    let ann = desk.reserve(&caller("acme", Some("ann"), "ci"), 100).await;
    let namesake = desk.reserve(&caller("other", Some("ann"), "ci"), 100).await;
    let bob = desk.reserve(&caller("acme", Some("bob"), "ci"), 11).await;
    let nobody = desk.reserve(&caller("acme", None, "ci"), 1_000_000).await;

    assert!(ann.is_ok() && namesake.is_ok() && nobody.is_ok());
    assert!(bob.unwrap_err().to_string().contains("`bob`"));
}

#[tokio::test]
async fn a_call_that_one_budget_refuses_takes_nothing_from_the_others() {
    let (large, small) =
        (rule("large", Scope::Tenant, Period::Total, 1_000), rule("small", Scope::Key, Period::Total, 10));
    let mut desk = Desk::new(vec![large.clone(), small]);
    let ci = caller("acme", None, "ci");

    assert!(desk.reserve(&ci, 20).await.is_err());
    let whole = desk.reserve(&caller("acme", None, "other"), 10).await.unwrap();
    whole.settle(Charge::Nothing);
    desk.committer.step().await;

    let (spent, _, _) = desk.balance(&large, &ci).await;
    assert_eq!(spent, 0);
}

#[tokio::test]
async fn a_hold_that_is_dropped_is_charged_at_its_estimate_and_one_that_nobody_took_is_not() {
    let total = rule("total", Scope::Key, Period::Total, 1_000);
    let mut desk = Desk::new(vec![total.clone()]);
    let ci = caller("acme", None, "ci");

    drop(desk.reserve(&ci, 300).await.unwrap());
    let accounts = desk.accounts.clone();
    let who = Subjects { caller: &ci, execution: None };
    let gone = accounts.reserve(&who, None, usd(600));
    drop(tokio::time::timeout(Duration::ZERO, gone).await);
    desk.committer.run(stopped()).await;

    let now = codeflow_core::Clock::now(&*desk.clock);
    let balance = desk.store.balance(&total.key(&who, now).unwrap()).await.unwrap();
    assert_eq!((balance.spent, balance.leased), (usd(300), Usd::ZERO));
}

#[tokio::test]
async fn a_call_may_cost_more_than_its_estimate_and_the_next_sees_it() {
    let total = rule("total", Scope::Key, Period::Total, 100);
    let mut desk = Desk::new(vec![total.clone()]);
    let ci = caller("acme", None, "ci");

    desk.reserve(&ci, 90).await.unwrap().settle(Charge::Estimated(usd(130)));
    let refused = desk.reserve(&ci, 1).await;

    assert!(matches!(refused, Err(BudgetError::Exceeded { .. })), "{refused:?}");
    assert_eq!(desk.balance(&total, &ci).await, (130, 0, 0));
}

#[tokio::test]
async fn a_call_is_refused_when_storage_is_away() {
    let mut desk = Desk::new(vec![rule("total", Scope::Key, Period::Total, 100)]);
    desk.store.is_away.store(true, Ordering::SeqCst);

    let refused = desk.reserve(&caller("acme", None, "ci"), 1).await.unwrap_err();

    assert_eq!((refused.code(), refused.class()), ("budget.unavailable", Class::Unavailable));
}

#[tokio::test(start_paused = true)]
async fn what_is_at_hand_is_not_spent_after_the_lease_has_ended() {
    let mut desk = Desk::new(vec![rule("total", Scope::Key, Period::Total, 100_000)]);
    let ci = caller("acme", None, "ci");
    desk.reserve(&ci, 100).await.unwrap().settle(Charge::Exact(usd(1)));
    desk.store.is_away.store(true, Ordering::SeqCst);
    let at_hand = desk.reserve(&ci, 1).await;

    tokio::time::advance(AccountSettings::default().lease).await;
    let refused = desk.reserve(&ci, 1).await;

    assert!(at_hand.is_ok());
    assert_eq!(refused.unwrap_err(), BudgetError::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_was_lost_counts_once() {
    let total = rule("total", Scope::Key, Period::Total, 100_000);
    let mut desk = Desk::new(vec![total.clone()]);
    let ci = caller("acme", None, "ci");
    desk.reserve(&ci, 100).await.unwrap().settle(Charge::Exact(usd(60)));

    desk.store.loses_answers.store(true, Ordering::SeqCst);
    desk.committer.step().await;
    let next = desk.reserve(&ci, 100).await.unwrap();
    next.settle(Charge::Exact(usd(5)));
    let store = Arc::clone(&desk.store);
    let now = codeflow_core::Clock::now(&*desk.clock);
    desk.committer.run(stopped()).await;

    let key = total.key(&Subjects { caller: &ci, execution: None }, now).unwrap();
    let balance = store.balance(&key).await.unwrap();
    assert_eq!((balance.spent, balance.leased), (usd(65), Usd::ZERO));
}

#[tokio::test]
async fn a_process_that_wakes_up_after_its_lease_owes_what_storage_did_not_know() {
    let total = rule("total", Scope::Key, Period::Total, 100_000);
    let mut desk = Desk::new(vec![total.clone()]);
    let ci = caller("acme", None, "ci");
    let known = desk.reserve(&ci, 100).await.unwrap();
    desk.committer.step().await;
    let unknown = desk.reserve(&ci, 40).await.unwrap();

    desk.clock.advance(DAY);
    desk.store.end(Ending::Expired).await.unwrap();
    assert_eq!(desk.balance(&total, &ci).await, (100, 0, 100), "what was in flight is charged");
    desk.committer.step().await;
    known.settle(Charge::Exact(usd(130)));
    unknown.settle(Charge::Exact(usd(10)));
    desk.reserve(&ci, 1).await.unwrap().settle(Charge::Nothing);
    let (store, now) = (Arc::clone(&desk.store), codeflow_core::Clock::now(&*desk.clock));
    desk.committer.run(stopped()).await;

    let key = total.key(&Subjects { caller: &ci, execution: None }, now).unwrap();
    let balance = store.balance(&key).await.unwrap();
    assert_eq!((balance.spent, balance.leased), (usd(170), Usd::ZERO), "100 and its excess of 30, and 40");
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_nobody_uses_is_given_back() {
    let total = rule("total", Scope::Key, Period::Total, 100_000);
    let mut desk = Desk::new(vec![total.clone()]);
    let ci = caller("acme", None, "ci");
    desk.reserve(&ci, 100).await.unwrap().settle(Charge::Exact(usd(60)));
    desk.committer.step().await;
    let (_, before, _) = desk.balance(&total, &ci).await;

    desk.clock.advance(Duration::from_secs(3));
    tokio::time::advance(Duration::from_secs(1)).await;
    desk.committer.step().await;

    assert!(before > 0);
    assert_eq!(desk.balance(&total, &ci).await, (60, 0, 0));
}

#[tokio::test]
async fn a_backlog_that_is_full_keeps_what_it_has_and_counts_what_it_loses() {
    let settings = AccountSettings { backlog: 2, ..AccountSettings::default() };
    let desk = Desk::with(vec![], settings);
    let row = crate::rows::row(&SequentialIds::new());

    for _ in 0..3 {
        desk.accounts.record(row.clone());
    }

    assert_eq!((desk.accounts.backlog(), desk.accounts.lost_rows()), (2, 1));
}

/// Told to end at once: what is left is written.
fn stopped() -> CancellationToken {
    let stop = CancellationToken::new();
    stop.cancel();
    stop
}
