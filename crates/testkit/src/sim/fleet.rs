//! The processes of a simulation: engines with workers on one storage, which are killed, stopped and started anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codeflow_engine::{Engine, Error, Parts, Silent, WorkerSettings, WorkerVitals};
use codeflow_runtime::Tasks;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::LEASE;
use super::actions::SimActions;
use super::network::Network;
use super::store::SimStore;
use crate::{MemoryStore, SequentialIds, TokioClock};

/// What all processes have in common.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) clock: Arc<TokioClock>,
    pub(super) ids: Arc<SequentialIds>,
    pub(super) store: MemoryStore,
    pub(super) network: Arc<Network>,
    pub(super) tasks: Tasks,
}

/// One process.
pub(super) struct Process {
    pub(super) engine: Engine,
    pub(super) vitals: WorkerVitals,
    stop: CancellationToken,
    handle: JoinHandle<Option<Result<(), Error>>>,
}

impl Ground {
    /// An engine as a node of its own.
    fn engine(&self, node: usize, actions: Arc<SimActions>) -> Engine {
        let store = SimStore {
            inner: self.store.clone(),
            network: Arc::clone(&self.network),
            node,
            tasks: self.tasks.clone(),
        };
        Engine::new(Parts {
            store: Arc::new(store),
            actions,
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            observer: Arc::new(Silent),
        })
    }

    /// Starts a process, which waits for storage until it has a session.
    pub(super) fn start(&self, node: usize, concurrency: usize) -> Process {
        let chronicle = Arc::clone(&self.network.chronicle);
        chronicle.tell(format_args!("n{node} starts"));
        let actions = Arc::new(SimActions::new(node, concurrency, self.store.clone(), chronicle));
        let engine = self.engine(node, Arc::clone(&actions));
        let settings = WorkerSettings {
            concurrency,
            lease: LEASE,
            grace: Duration::from_secs(2),
            ..WorkerSettings::default()
        };
        let worker = engine.worker(settings);
        let vitals = worker.vitals();
        actions.watch(vitals.clone());
        let (stop, clock) = (CancellationToken::new(), Arc::clone(&self.clock));
        let told = stop.clone();
        let handle = self.tasks.spawn("worker", async move {
            let _clock = clock;
            // Its supervisor starts it again when storage was away.
            loop {
                let ended = worker.run(told.clone()).await;
                if ended.is_ok() || told.is_cancelled() {
                    return ended;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Process { engine, vitals, stop, handle }
    }
}

impl Process {
    /// Takes it away from one moment to the next.
    pub(super) async fn kill(self) {
        self.handle.abort();
        let _ = self.handle.await;
    }

    /// Lets it come to its end.
    pub(super) async fn stop(self) -> bool {
        self.stop.cancel();
        matches!(self.handle.await, Ok(Some(Ok(()))))
    }
}

/// The processes that there are, by node.
pub(super) struct Fleet {
    ground: Ground,
    concurrency: usize,
    processes: Mutex<Vec<Option<Process>>>,
}

impl Fleet {
    pub(super) fn new(ground: Ground, size: usize, concurrency: usize) -> Self {
        let processes = (0..size).map(|node| Some(ground.start(node, concurrency))).collect();
        Self { ground, concurrency, processes: Mutex::new(processes) }
    }

    fn with<T>(&self, what: impl FnOnce(&mut Vec<Option<Process>>) -> T) -> T {
        what(&mut self.processes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn len(&self) -> usize {
        self.with(|processes| processes.len())
    }

    /// Takes the process of a node out, if it runs.
    pub(super) fn take(&self, node: usize) -> Option<Process> {
        self.with(|processes| processes.get_mut(node).and_then(Option::take))
    }

    /// Starts what does not run.
    pub(super) fn mend(&self) {
        let start = |(node, process): (usize, &mut Option<Process>)| {
            process.get_or_insert_with(|| self.ground.start(node, self.concurrency));
        };
        self.with(|processes| processes.iter_mut().enumerate().for_each(start));
    }

    /// The engine of a node, or of another one if it does not run.
    pub(super) fn engine(&self, node: usize) -> Option<Engine> {
        self.with(|processes| {
            let wanted = processes.get(node).and_then(Option::as_ref);
            wanted.or_else(|| processes.iter().flatten().next()).map(|process| process.engine.clone())
        })
    }

    pub(super) fn vitals(&self) -> Vec<WorkerVitals> {
        self.with(|processes| processes.iter().flatten().map(|process| process.vitals.clone()).collect())
    }
}
