//! Whole accounts over a storage: several processes, and many calls at once.

use std::sync::Arc;
use std::time::Duration;

use codeflow_gateway::{
    AccountSettings, AccountStore, Accounts, BudgetError, BudgetRule, Caller, Charge, Hold, Period, Subjects,
};
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{AccountsSubject, caller, full_row, key, rule, usd};
use crate::ManualClock;

/// A process: its accounts, and what writes them.
struct Process {
    accounts: Accounts,
    stop: CancellationToken,
    committer: JoinHandle<()>,
}

impl Process {
    #[expect(clippy::disallowed_methods, reason = "a test ends its committer in every way there is")]
    fn start(subject: &AccountsSubject, store: &Arc<dyn AccountStore>, limit: u64) -> Self {
        let settings = AccountSettings {
            lease: Duration::from_secs(2),
            patience: Duration::from_secs(15),
            poll: Duration::from_millis(20),
            idle: Duration::from_secs(60),
            ..AccountSettings::default()
        };
        let clock = Arc::new(ManualClock::default());
        let ids = Arc::clone(&subject.ids) as _;
        let (accounts, committer) = Accounts::new(vec![rule(limit)], Arc::clone(store), clock, ids, settings);
        let stop = CancellationToken::new();
        let committer = tokio::spawn(committer.run(stop.clone()));
        Self { accounts, stop, committer }
    }

    async fn reserve(&self, estimate: u64) -> Result<Hold, BudgetError> {
        reserve(&self.accounts, estimate).await
    }

    async fn stop(self) {
        self.stop.cancel();
        self.committer.await.unwrap();
    }

    /// Ends it as `kill -9` would: nothing is written any more, whatever is in flight.
    async fn kill(self) {
        self.committer.abort();
        let _aborted = self.committer.await;
    }
}

async fn reserve(accounts: &Accounts, estimate: u64) -> Result<Hold, BudgetError> {
    let caller: Caller = caller("acme", "ci");
    let who = Subjects { caller: &caller, execution: None };
    accounts.reserve(&who, None, usd(estimate)).await
}

/// Reserves many times at once; what comes of it, and who was refused.
async fn all_at_once(processes: &[&Process], each: usize, estimate: u64) -> (Vec<Hold>, usize) {
    let barrier = Arc::new(Barrier::new(each * processes.len()));
    let mut calls = JoinSet::new();
    for process in processes {
        for _ in 0..each {
            let (accounts, barrier) = (process.accounts.clone(), Arc::clone(&barrier));
            calls.spawn(async move {
                barrier.wait().await;
                reserve(&accounts, estimate).await
            });
        }
    }
    let outcomes = calls.join_all().await;
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    for error in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        assert!(matches!(error, BudgetError::Exceeded { .. }), "{error}");
    }
    (outcomes.into_iter().flatten().collect(), refused)
}

/// The promise, in one process.
pub async fn fifty_calls_against_a_budget_for_twenty_admit_twenty(subject: &AccountsSubject) {
    let one = Process::start(subject, &subject.store, 20_000);

    let (holds, refused) = all_at_once(&[&one], 50, 1_000).await;
    assert_eq!((holds.len(), refused), (20, 30));

    holds.into_iter().for_each(|hold| hold.settle(Charge::Exact(usd(1_000))));
    one.stop().await;
    assert_eq!(subject.balance(&key("ci")).await, (20_000, 0, 0));
}

/// The promise, across processes.
pub async fn two_processes_share_a_budget_for_twenty_exactly(subject: &AccountsSubject) {
    let one = Process::start(subject, &subject.store, 20_000);
    let two = Process::start(subject, &subject.other, 20_000);

    let (holds, refused) = all_at_once(&[&one, &two], 25, 1_000).await;
    assert_eq!((holds.len(), refused), (20, 30));

    drop(holds);
    one.stop().await;
    two.stop().await;
    assert_eq!(subject.balance(&key("ci")).await, (20_000, 0, 0), "nobody settled, so all is charged");
}

/// No false refusal: what another does not use comes back.
pub async fn a_slice_that_sits_idle_elsewhere_comes_back(subject: &AccountsSubject) {
    let idle = Process::start(subject, &subject.store, 100_000);
    let short = Process::start(subject, &subject.other, 100_000);
    idle.reserve(1_000).await.unwrap().settle(Charge::Exact(usd(500)));

    let whole = short.reserve(99_500).await;

    assert!(whole.is_ok(), "{whole:?}");
    assert!(matches!(idle.reserve(1).await, Err(BudgetError::Exceeded { .. })));
    whole.unwrap().settle(Charge::Nothing);
    idle.stop().await;
    short.stop().await;
    assert_eq!(subject.balance(&key("ci")).await, (500, 0, 0));
}

/// Every call of the whole budget gets through, one after the other, wherever it runs.
pub async fn the_last_dollar_can_be_spent_from_either_side(subject: &AccountsSubject) {
    let processes =
        [Process::start(subject, &subject.store, 10_000), Process::start(subject, &subject.other, 10_000)];

    for turn in 0..20 {
        let hold = processes[turn % 2].reserve(500).await;
        assert!(hold.is_ok(), "call {turn}: {hold:?}");
        hold.unwrap().settle(Charge::Exact(usd(500)));
    }
    let refused = [processes[0].reserve(1).await.is_err(), processes[1].reserve(1).await.is_err()];

    assert_eq!(refused, [true, true]);
    for process in processes {
        process.stop().await;
    }
    assert_eq!(subject.balance(&key("ci")).await, (10_000, 0, 0));
}

/// `kill -9` leaves no reservation behind: what was known to be in flight is paid, the rest is there for others.
pub async fn a_killed_process_leaves_no_reservation_behind(subject: &AccountsSubject) {
    let killed = Process::start(subject, &subject.store, 10_000);
    let first = killed.reserve(1_000).await.unwrap();
    let in_flight = killed.reserve(200).await.unwrap();
    // Whatever tells that this was spent tells what is held, too.
    first.settle(Charge::Exact(usd(700)));
    let settled = async || (subject.balance(&key("ci")).await.0 == 700).then_some(());
    subject.until("the settlement", settled).await;
    killed.kill().await;
    std::mem::forget(in_flight);

    let other = Process::start(subject, &subject.other, 10_000);
    let rest = other.reserve(9_100).await;

    assert!(rest.is_ok(), "{rest:?}");
    assert_eq!(subject.balance(&key("ci")).await, (900, 9_100, 200));
    rest.unwrap().settle(Charge::Exact(usd(9_100)));
    other.stop().await;
    assert_eq!(subject.balance(&key("ci")).await, (10_000, 0, 200));
}

/// Whatever is going on at once, the books are right at the end.
pub async fn a_storm_of_calls_never_exceeds_a_budget(subject: &AccountsSubject) {
    const LIMIT: u64 = 200_000;
    let processes: Vec<Process> = [&subject.store, &subject.other, &subject.store]
        .into_iter()
        .map(|store| Process::start(subject, store, LIMIT))
        .collect();
    let mut calls = JoinSet::new();
    for task in 0..24_u64 {
        let accounts = processes[usize::try_from(task % 3).unwrap()].accounts.clone();
        let ids = Arc::clone(&subject.ids);
        calls.spawn(async move {
            let (mut spent, mut admitted) = (0, 0_u64);
            for turn in 0..40 {
                let estimate = 200 + (task * 37 + turn * 101) % 900;
                let Ok(hold) = reserve(&accounts, estimate).await else { continue };
                let cost = estimate - (task + turn) % 100;
                tokio::task::yield_now().await;
                hold.settle_with(Charge::Exact(usd(cost)), full_row(&*ids));
                spent += cost;
                admitted += 1;
            }
            (spent, admitted)
        });
    }
    let outcomes = calls.join_all().await;
    let spent: u64 = outcomes.iter().map(|(spent, _)| spent).sum();
    let admitted: u64 = outcomes.iter().map(|(_, admitted)| admitted).sum();

    for process in processes {
        process.stop().await;
    }
    assert!(spent <= LIMIT, "{spent}");
    assert!(spent > LIMIT - 2_000, "calls were refused though {} was left", LIMIT - spent);
    assert_eq!(subject.balance(&key("ci")).await, (spent, 0, 0));
    let rows = subject.usage.list(None, None, 1_000).await.unwrap();
    assert_eq!(u64::try_from(rows.len()).unwrap(), admitted);
}

/// A budget that comes with the call, such as that of its workflow, holds beside those of the settings.
pub async fn a_budget_that_comes_with_a_call_holds_too(subject: &AccountsSubject) {
    let one = Process::start(subject, &subject.store, 1_000_000);
    let caller = caller("acme", "ci");
    let execution = codeflow_core::ExecutionId::generate(&*subject.ids);
    let who = Subjects { caller: &caller, execution: Some(execution) };
    let extra = BudgetRule {
        name: "workflow".into(),
        scope: codeflow_gateway::Scope::Execution,
        subject: None,
        period: Period::Total,
        limit: usd(1_500),
    };

    let first = one.accounts.reserve(&who, Some(&extra), usd(1_000)).await.unwrap();
    let second = one.accounts.reserve(&who, Some(&extra), usd(1_000)).await.unwrap_err();
    first.settle(Charge::Exact(usd(400)));
    let third = one.accounts.reserve(&who, Some(&extra), usd(1_100)).await;

    let said = "the budget `workflow` of $0.001500 in total does not cover this call; it does not renew";
    assert_eq!(second.to_string(), said);
    third.unwrap().settle(Charge::Nothing);
    one.stop().await;
    assert_eq!(
        subject.balance(&key("ci")).await,
        (400, 0, 0),
        "a refused call takes nothing from any budget"
    );
    let own = extra.key(&who, codeflow_core::Timestamp::EPOCH).unwrap();
    assert_eq!(subject.balance(&own).await, (400, 0, 0));
}
