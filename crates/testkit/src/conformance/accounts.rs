//! What every storage of accounts must do.

mod calls;
mod fleet;
mod model;
mod sessions;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Ids, SessionId, Timestamp, Usd};
use codeflow_gateway::{
    AccountStore, Answer, Batch, BudgetKey, BudgetRule, Caller, Committed, Entry, Period, Scope, Subjects,
    UsageRow, UsageStore,
};

use crate::SequentialIds;

pub use calls::{
    a_call_is_read_back_whole, a_zero_character_in_a_call_is_replaced,
    calls_are_listed_newest_first_in_pages_of_a_tenant,
};
pub use fleet::{
    a_budget_that_comes_with_a_call_holds_too, a_killed_process_leaves_no_reservation_behind,
    a_slice_that_sits_idle_elsewhere_comes_back, a_storm_of_calls_never_exceeds_a_budget,
    fifty_calls_against_a_budget_for_twenty_admit_twenty, the_last_dollar_can_be_spent_from_either_side,
    two_processes_share_a_budget_for_twenty_exactly,
};
pub use model::long_scripts_have_the_answers_of_the_model;
pub use sessions::{
    a_batch_out_of_turn_is_refused, a_batch_that_comes_twice_is_written_once,
    a_closed_session_gives_everything_back, a_session_whose_lease_ended_writes_nothing,
    a_slice_is_granted_spent_and_given_back, an_idle_slice_is_recalled_and_a_used_one_is_not,
    spending_beyond_a_slice_leaves_less_for_others,
};

/// A lease that is not meant to end within a test.
const LONG: Duration = Duration::from_secs(600);
/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A storage of accounts under test, as two processes see it.
pub struct AccountsSubject {
    /// The storage, as one process has it open.
    pub store: Arc<dyn AccountStore>,
    /// The same, as another has it.
    pub other: Arc<dyn AccountStore>,
    /// Where calls are read.
    pub usage: Arc<dyn UsageStore>,
    ids: Arc<SequentialIds>,
    _kept: Box<dyn Any + Send + Sync>,
}

impl AccountsSubject {
    /// A storage that is open twice, and what must live as long.
    pub fn new<S>(store: Arc<S>, other: Arc<S>, kept: impl Any + Send + Sync) -> Self
    where
        S: AccountStore + UsageStore + 'static,
    {
        let usage = Arc::clone(&store) as _;
        Self { store, other, usage, ids: Arc::new(SequentialIds::new()), _kept: Box::new(kept) }
    }

    /// A session with a lease.
    async fn session(&self, lease: Duration) -> Writer<'_> {
        let id = SessionId::generate(&*self.ids);
        self.store.open(id, lease).await.unwrap();
        Writer { subject: self, id, seq: 0, lease }
    }

    /// Asks again and again until there is an answer.
    async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let look = async {
            loop {
                if let Some(answer) = ask().await {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, look).await;
        in_time.unwrap_or_else(|_| panic!("{what} did not happen within {PATIENCE:?}"))
    }

    /// What is spent, leased and unknown of a budget, in micro-dollars.
    async fn balance(&self, key: &BudgetKey) -> (u64, u64, u64) {
        let balance = self.other.balance(key).await.unwrap();
        (balance.spent.micros(), balance.leased.micros(), balance.unknown.micros())
    }
}

/// A session, and the number of its last batch.
struct Writer<'a> {
    subject: &'a AccountsSubject,
    id: SessionId,
    seq: i64,
    lease: Duration,
}

impl Writer<'_> {
    fn batch(&self, entries: Vec<Entry>, rows: Vec<UsageRow>) -> Arc<Batch> {
        Arc::new(Batch { session: self.id, seq: self.seq, lease: self.lease, tight: LONG, entries, rows })
    }

    async fn commit(&mut self, entries: Vec<Entry>, rows: Vec<UsageRow>) -> Committed {
        self.seq += 1;
        self.subject.store.commit(self.batch(entries, rows)).await.unwrap()
    }

    /// Commits one entry, and has its answer.
    async fn enter(&mut self, entry: Entry) -> Answer {
        match self.commit(vec![entry], vec![]).await {
            Committed::Done(answers) => answers[0],
            Committed::Lost { .. } => panic!("the session is lost"),
        }
    }

    /// Lets the lease end.
    async fn expire(&mut self) {
        self.lease = Duration::from_millis(1);
        self.commit(vec![], vec![]).await;
        let probe = Arc::new(Batch { seq: self.seq + 2, ..(*self.batch(vec![], vec![])).clone() });
        let seq = self.seq;
        let store = &self.subject.store;
        self.subject
            .until("the end of a lease", async || {
                // A batch out of turn is refused in any case; one in turn tells whether the session lives.
                let _refused = store.commit(Arc::clone(&probe)).await.unwrap();
                let recovered = store.end(codeflow_gateway::Ending::Expired).await.unwrap();
                (recovered.sessions > 0).then_some(seq)
            })
            .await;
    }
}

fn usd(micros: u64) -> Usd {
    Usd::from_micros(micros)
}

fn caller(tenant: &str, key: &str) -> Caller {
    Caller {
        tenant: tenant.into(),
        user: Some("ann".into()),
        key: key.into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    }
}

fn rule(limit: u64) -> BudgetRule {
    let name = "team".into();
    BudgetRule { name, scope: Scope::Key, subject: None, period: Period::Total, limit: usd(limit) }
}

fn key(name: &str) -> BudgetKey {
    let caller = caller("acme", name);
    let who = Subjects { caller: &caller, execution: None };
    rule(0).key(&who, Timestamp::EPOCH).unwrap()
}

/// An entry that says nothing.
fn entry(limit: u64) -> Entry {
    Entry {
        key: key("ci"),
        limit: usd(limit),
        fresh: true,
        spent: Usd::ZERO,
        shrink: Usd::ZERO,
        held: Usd::ZERO,
        need: Usd::ZERO,
        asks: Usd::ZERO,
        spare: Usd::ZERO,
        asked: 0,
        answers: 0,
        retire: false,
    }
}

/// An entry of a call that needs this much.
fn need(limit: u64, micros: u64) -> Entry {
    Entry { need: usd(micros), asks: usd(micros), ..entry(limit) }
}

/// A row in which everything is known.
fn full_row(ids: &dyn Ids) -> UsageRow {
    use codeflow_gateway::{CallStatus, Latency};
    use codeflow_model::{Usage, WireFormat};

    UsageRow {
        id: ids.next(),
        at: Timestamp::from_micros(1_767_225_600_123_456),
        request: "req-1".into(),
        tenant: "acme".into(),
        user: Some("ann \"the\" ü \\ one".into()),
        key: "ci".into(),
        execution: Some(codeflow_core::ExecutionId::generate(ids)),
        step: Some("review".into()),
        route: "fast".into(),
        provider: Some("openai".into()),
        model: Some("gpt".into()),
        format: Some(WireFormat::Messages),
        stream: true,
        status: CallStatus::Failed("model.timeout".into()),
        attempts: 3,
        usage: Usage {
            input: Some(1_000_000_000_000),
            cache_read: Some(1),
            cache_write: Some(2),
            cache_write_1h: Some(3),
            output: Some(4),
            reasoning: Some(5),
        },
        cost: Some(usd(123_456)),
        estimated: true,
        latency: Latency { total_us: 9_000_000_000, upstream_us: Some(8), first_token_us: Some(7) },
    }
}
