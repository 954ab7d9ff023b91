//! Processes with clocks of their own over one storage: whatever one issues, all accept.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use codeflow_auth::{SignedTokens, TokenSources, Tokens, Vault};
use codeflow_testkit::ManualClock;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::{prop_assert, prop_oneof, proptest};
use tokio::runtime::Runtime;

use super::forge::{SECRET, settings, token};
use crate::kept::Kept;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// What happens, and how much time passes before it.
#[derive(Clone, Copy, Debug)]
struct Event {
    seconds: u64,
    kind: u8,
    process: usize,
}

struct Fleet {
    kept: Arc<Kept>,
    clocks: Vec<Arc<ManualClock>>,
    processes: Vec<SignedTokens>,
}

impl Fleet {
    /// Clocks may be off by half the leeway each, so that two of them are apart by no more than it.
    fn new(offsets: &[u64]) -> Self {
        let (kept, vault) = (Arc::<Kept>::default(), Arc::new(Vault::new(SECRET).unwrap()));
        let (mut clocks, mut processes) = (Vec::new(), Vec::new());
        for offset in offsets {
            let clock = Arc::new(ManualClock::default());
            clock.advance(Duration::from_secs(*offset));
            let sources = TokenSources { store: kept.clone(), vault: vault.clone(), clock: clock.clone() };
            processes.push(SignedTokens::new(settings(), sources).unwrap());
            clocks.push(clock);
        }
        Self { kept, clocks, processes }
    }

    /// As the watch of each process does, all the time.
    async fn read(&self) {
        for process in &self.processes {
            process.refresh().await.unwrap();
        }
    }

    async fn happen(&self, event: Event) -> Result<(), String> {
        for clock in &self.clocks {
            clock.advance(Duration::from_secs(event.seconds));
        }
        match event.kind {
            // A process that was not there makes its key when it is asked for a token, and the others look for it.
            0 => {}
            1 => {
                let keys = self.kept.keys.lock().unwrap().clone();
                let key = &keys[event.process % keys.len()];
                self.processes[event.process % self.processes.len()].withdraw(&key.id).await.unwrap();
                self.read().await;
            }
            _ => self.read().await,
        }
        for clock in &self.clocks {
            clock.advance(Duration::from_secs(1));
        }
        for (from, process) in self.processes.iter().enumerate() {
            let token = token(process).await;
            for clock in &self.clocks {
                // Long enough for another look at storage.
                clock.advance(Duration::from_secs(1));
            }
            for (to, process) in self.processes.iter().enumerate() {
                process.verify(&token).await.map_err(|error| format!("from {from} to {to}: {error}"))?;
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_one_process_issues_all_accept(
        offsets in vec(0_u64..=30, 2..5),
        events in vec(
            (prop_oneof![0_u64..120, 0_u64..100_000, 2_580_000_u64..2_600_000], any::<u8>(), any::<usize>()),
            1..40,
        ),
    ) {
        let fleet = Fleet::new(&offsets);
        RUNTIME.block_on(fleet.read());
        for (seconds, kind, process) in events {
            let outcome = RUNTIME.block_on(fleet.happen(Event { seconds, kind: kind % 4, process }));

            prop_assert!(outcome.is_ok(), "{outcome:?}");
        }
    }
}
