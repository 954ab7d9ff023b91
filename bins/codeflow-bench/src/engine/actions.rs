//! Actions that do nothing, or nothing but wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionName, ActionOutcome, ActionSpec, ExecutionId,
};
use codeflow_engine::ActionRunner;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::counter::Counter;

/// The actions of all workloads.
pub(super) struct Actions {
    specs: BTreeMap<ActionName, ActionSpec>,
    begun: Mutex<HashMap<ExecutionId, Instant>>,
    pub(super) gate: Gate,
}

/// Holds what comes until it is opened.
#[derive(Default)]
pub(super) struct Gate {
    pub(super) waiting: Counter,
    open: CancellationToken,
}

impl Gate {
    pub(super) fn open(&self) {
        self.open.cancel();
    }
}

/// The action that notes when it begins.
pub(super) fn note() -> ActionName {
    "bench/note".parse().expect("the name is well formed")
}

/// The action that does nothing.
pub(super) fn nothing() -> ActionName {
    "bench/nothing".parse().expect("the name is well formed")
}

impl Actions {
    pub(super) fn new() -> Arc<Self> {
        let names = ["bench/nothing", "bench/note", "bench/gate"];
        let specs = names.into_iter().map(|name| {
            let name: ActionName = name.parse().expect("the name is well formed");
            let spec = ActionSpec {
                name: name.clone(),
                summary: "For measurements.",
                inputs: BTreeMap::new(),
                outputs: BTreeMap::new(),
                permissions: Vec::new(),
                trusted: true,
            };
            (name, spec)
        });
        Arc::new(Self { specs: specs.collect(), begun: Mutex::default(), gate: Gate::default() })
    }

    /// When `bench/note` began, for each execution.
    pub(super) fn take_begun(&self) -> HashMap<ExecutionId, Instant> {
        std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, execution: ExecutionId) {
        let now = Instant::now();
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(execution, now);
    }
}

impl ActionCatalog for Actions {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        self.specs.get(name)
    }

    fn names(&self) -> Vec<ActionName> {
        self.specs.keys().cloned().collect()
    }
}

#[async_trait]
impl ActionRunner for Actions {
    fn catalog(&self) -> &dyn ActionCatalog {
        self
    }

    async fn run(&self, call: ActionCall, _stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        match call.uses.as_str() {
            "bench/note" => self.note(call.execution),
            "bench/gate" => {
                self.gate.waiting.add();
                self.gate.open.cancelled().await;
            }
            _ => {}
        }
        Ok(ActionOutcome::Done(json!({})))
    }
}
