//! Whatever two processes do, a call is admitted exactly when the whole budget covers it.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::Usd;
use codeflow_gateway::{
    AccountSettings, AccountStore, Accounts, BudgetError, BudgetRule, Caller, Charge, Committer, Hold,
    Period, Scope, Subjects,
};
use codeflow_testkit::{MemoryAccounts, SequentialIds, TokioClock};
use proptest::prelude::{ProptestConfig, Strategy, prop_oneof, proptest};

const LIMIT: u64 = 1_000;

#[derive(Clone, Debug)]
enum Move {
    Reserve { process: usize, estimate: u64 },
    Settle { which: usize, percent: u64 },
    Drop { which: usize },
    Commit { process: usize },
    Wait { ms: u64 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..2_usize, 0..400_u64).prop_map(|(process, estimate)| Move::Reserve { process, estimate }),
        3 => (0..8_usize, 0..130_u64).prop_map(|(which, percent)| Move::Settle { which, percent }),
        1 => (0..8_usize).prop_map(|which| Move::Drop { which }),
        2 => (0..2_usize).prop_map(|process| Move::Commit { process }),
        1 => (0..3_000_u64).prop_map(|ms| Move::Wait { ms }),
    ];
    proptest::collection::vec(one, 1..60)
}

struct Fleet {
    accounts: Vec<Accounts>,
    committers: Vec<Committer>,
    store: MemoryAccounts,
    holds: Vec<Hold>,
    spent: u64,
}

fn caller() -> Caller {
    Caller {
        tenant: "acme".into(),
        user: None,
        key: "ci".into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    }
}

fn rule() -> BudgetRule {
    let limit = Usd::from_micros(LIMIT);
    BudgetRule { name: "total".into(), scope: Scope::Tenant, subject: None, period: Period::Total, limit }
}

impl Fleet {
    fn new() -> Self {
        let clock = Arc::new(TokioClock::new());
        let store = MemoryAccounts::new(Arc::clone(&clock) as _);
        let ids: Arc<SequentialIds> = Arc::default();
        // A lease that does not end: how a process dies is tested elsewhere.
        let settings = AccountSettings {
            lease: Duration::from_secs(100_000),
            patience: Duration::from_secs(10_000),
            ..AccountSettings::default()
        };
        let start = || {
            let shared = Arc::new(store.clone());
            Accounts::new(vec![rule()], shared, Arc::clone(&clock) as _, Arc::clone(&ids) as _, settings)
        };
        let (accounts, committers) = [start(), start()].into_iter().unzip();
        Self { accounts, committers, store, holds: Vec::new(), spent: 0 }
    }

    async fn play(&mut self, next: Move) {
        match next {
            Move::Reserve { process, estimate } => self.reserve(process, estimate).await,
            Move::Settle { which, percent } => {
                if let Some(hold) = self.take(which) {
                    let cost = hold.estimate().micros() * percent / 100;
                    self.spent += cost;
                    hold.settle(Charge::Exact(Usd::from_micros(cost)));
                }
            }
            Move::Drop { which } => {
                if let Some(hold) = self.take(which) {
                    self.spent += hold.estimate().micros();
                    drop(hold);
                }
            }
            Move::Commit { process } => self.committers[process].step().await,
            Move::Wait { ms } => tokio::time::advance(Duration::from_millis(ms)).await,
        }
    }

    fn take(&mut self, which: usize) -> Option<Hold> {
        (which < self.holds.len()).then(|| self.holds.swap_remove(which))
    }

    async fn reserve(&mut self, process: usize, estimate: u64) {
        // What was settled elsewhere is known there first, and here with the next commit.
        for committer in &mut self.committers {
            committer.step().await;
        }
        let held: u64 = self.holds.iter().map(|hold| hold.estimate().micros()).sum();
        let fits = self.spent + held + estimate <= LIMIT;
        let caller = caller();
        let who = Subjects { caller: &caller, execution: None };
        let accounts = self.accounts[process].clone();
        let reserve = accounts.reserve(&who, None, Usd::from_micros(estimate));
        tokio::pin!(reserve);
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut reserve => break outcome,
                () = tokio::time::advance(Duration::from_millis(60)) => {}
            }
            for committer in &mut self.committers {
                committer.step().await;
            }
        };
        match outcome {
            Ok(hold) => {
                assert!(
                    fits || estimate == 0,
                    "{estimate} admitted with {} spent and {held} held",
                    self.spent
                );
                self.holds.push(hold);
            }
            Err(error) => {
                assert!(!fits, "{estimate} refused with {} spent and {held} held", self.spent);
                assert!(matches!(error, BudgetError::Exceeded { .. }), "{error}");
            }
        }
    }

    async fn close(mut self) {
        self.spent += self.holds.drain(..).map(|hold| hold.estimate().micros()).sum::<u64>();
        for committer in self.committers {
            let stop = tokio_util::sync::CancellationToken::new();
            stop.cancel();
            committer.run(stop).await;
        }
        let caller = caller();
        let key = rule().key(&Subjects { caller: &caller, execution: None }, codeflow_core::Timestamp::EPOCH);
        let balance = self.store.balance(&key.unwrap()).await.unwrap();
        assert_eq!((balance.spent.micros(), balance.leased), (self.spent, Usd::ZERO));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_call_is_admitted_exactly_when_the_whole_budget_covers_it(moves in moves()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut fleet = Fleet::new();
            for next in moves {
                fleet.play(next).await;
            }
            fleet.close().await;
        });
    }
}
