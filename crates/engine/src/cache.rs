//! The executions that this process works on, in memory, and the workflow versions they keep.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use codeflow_core::workflow::{self, VersionId, Workflow};
use codeflow_core::{ExecutionId, NoActions};

use crate::live::Live;
use crate::ports::Store;
use crate::{Error, ErrorKind};

/// How many workflow versions are kept compiled; beyond that all are forgotten and compiled anew.
const MAX_WORKFLOWS: usize = 1_000;

/// One execution, shared by the attempts made for it and the committer.
pub(crate) type Shared = Arc<Mutex<Live>>;

/// What is in memory. Everything in it can be read again from storage.
pub(crate) struct Cache {
    store: Arc<dyn Store>,
    live: Mutex<HashMap<ExecutionId, Shared>>,
    workflows: Mutex<HashMap<VersionId, Arc<Workflow>>>,
}

impl Cache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, live: Mutex::default(), workflows: Mutex::default() }
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
        let workflow = self.workflow(&snapshot.record.version).await?;
        let live = Arc::new(Mutex::new(Live::new(workflow, snapshot)));
        lock(&self.live).insert(id, Arc::clone(&live));
        Ok(live)
    }

    pub(crate) fn forget(&self, id: ExecutionId) {
        lock(&self.live).remove(&id);
    }

    pub(crate) fn clear(&self) {
        lock(&self.live).clear();
    }

    /// A compiled version.
    pub(crate) async fn workflow(&self, version: &VersionId) -> Result<Arc<Workflow>, Error> {
        if let Some(workflow) = lock(&self.workflows).get(version).cloned() {
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
        let workflow = Arc::new(workflow);
        let mut workflows = lock(&self.workflows);
        if workflows.len() >= MAX_WORKFLOWS {
            workflows.clear();
        }
        workflows.insert(version.clone(), Arc::clone(&workflow));
        Ok(workflow)
    }
}

/// Locks; a panic elsewhere leaves nothing half-done that matters, because storage has the truth.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
