//! What a process keeps in memory: compiled workflow versions, and the executions that a worker works on.
//! All of it can be read again from storage.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use codeflow_core::workflow::{self, VersionId, Workflow};
use codeflow_core::{ExecutionId, NoActions};

use crate::live::Live;
use crate::ports::{Snapshot, Store};
use crate::{Error, ErrorKind};

/// How many workflow versions are kept compiled; beyond that all are forgotten and compiled anew.
const MAX_WORKFLOWS: usize = 1_000;

/// How many executions are read in one call.
const READ_AT_ONCE: usize = 500;

/// One execution, shared by the attempts that a worker makes for it and its committer.
pub(crate) type Shared = Arc<Mutex<Live>>;

/// The compiled versions.
pub(crate) struct Workflows {
    store: Arc<dyn Store>,
    compiled: Mutex<HashMap<VersionId, Arc<Workflow>>>,
}

impl Workflows {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, compiled: Mutex::default() }
    }

    /// A compiled version.
    pub(crate) async fn get(&self, version: &VersionId) -> Result<Arc<Workflow>, Error> {
        if let Some(workflow) = lock(&self.compiled).get(version).cloned() {
            return Ok(workflow);
        }
        let stored = self.store.find_version(version).await?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("workflow version `{version}` does not exist"))
        })?;
        // The version was checked against the actions of its time; it runs on even if they have changed since.
        let workflow = workflow::parse(&stored.document, &NoActions).map_err(|problems| {
            let context = format!("workflow version `{version}` cannot be read any more");
            Error::with_source(ErrorKind::Corrupt, context, problems)
        })?;
        let workflow = Arc::new(workflow.of(&stored.tenant));
        let mut compiled = lock(&self.compiled);
        if compiled.len() >= MAX_WORKFLOWS {
            compiled.clear();
        }
        compiled.insert(version.clone(), Arc::clone(&workflow));
        Ok(workflow)
    }
}

/// The executions of one session. Nobody else may share them: between planning a move and committing it
/// they are ahead of storage, and a second committer would build on facts that may never be written.
pub(crate) struct Executions {
    store: Arc<dyn Store>,
    workflows: Arc<Workflows>,
    live: Mutex<HashMap<ExecutionId, Shared>>,
}

impl Executions {
    pub(crate) fn new(store: Arc<dyn Store>, workflows: Arc<Workflows>) -> Self {
        Self { store, workflows, live: Mutex::default() }
    }

    /// The execution as it is in memory, or else as storage has it.
    pub(crate) async fn get(&self, id: ExecutionId) -> Result<Shared, Error> {
        let known = lock(&self.live).get(&id).cloned();
        match known {
            Some(live) => Ok(live),
            None => self.load(id).await,
        }
    }

    /// The execution as storage has it now; what was in memory is replaced.
    pub(crate) async fn load(&self, id: ExecutionId) -> Result<Shared, Error> {
        let snapshot = self.store.read(id, None).await?;
        let snapshot = snapshot
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("execution `{id}` does not exist")))?;
        self.keep(snapshot).await
    }

    /// Reads those that are not in memory, in few calls. What cannot be read is left for [`get`](Self::get).
    pub(crate) async fn warm(&self, ids: impl IntoIterator<Item = ExecutionId>) -> Result<(), Error> {
        let unknown: BTreeSet<ExecutionId> = {
            let known = lock(&self.live);
            ids.into_iter().filter(|id| !known.contains_key(id)).collect()
        };
        let unknown: Vec<ExecutionId> = unknown.into_iter().collect();
        for some in unknown.chunks(READ_AT_ONCE) {
            for snapshot in self.store.read_all(some).await? {
                self.keep(snapshot).await?;
            }
        }
        Ok(())
    }

    async fn keep(&self, snapshot: Snapshot) -> Result<Shared, Error> {
        let id = snapshot.record.id;
        let workflow = self.workflows.get(&snapshot.record.version).await?;
        let live = Arc::new(Mutex::new(Live::new(workflow, snapshot)));
        self.put(id, Arc::clone(&live));
        Ok(live)
    }

    /// Keeps an execution that this process has just written.
    pub(crate) fn put(&self, id: ExecutionId, live: Shared) {
        lock(&self.live).insert(id, live);
    }

    pub(crate) fn forget(&self, id: ExecutionId) {
        lock(&self.live).remove(&id);
    }
}

/// Locks; a panic elsewhere leaves nothing half-done that matters, because storage has the truth.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
