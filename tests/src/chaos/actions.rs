//! The actions of the programs: they note their effect, take their time, and add two numbers or fail as they are told.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec,
    InputSpec, ValueType,
};
use codeflow_engine::{ActionRunner, WorkerVitals};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::effects::Effects;

/// Adds `left` and `right` after `ms` milliseconds; fails with `unavailable` for as many attempts as `fails` says.
pub const WORK: &str = "test/work";
/// Undoes what a step did.
pub const UNDO: &str = "test/undo";
/// As work, once; whoever does it again waits until the file `gate` beside the effects is there.
const GATED: &str = "test/gated";
/// Kills the process that it runs in.
const POISON: &str = "test/poison";

/// The actions of one worker.
pub struct Actions {
    specs: BTreeMap<ActionName, ActionSpec>,
    effects: Effects,
    worker: String,
    vitals: OnceLock<WorkerVitals>,
}

impl Actions {
    /// The actions of the worker with this name.
    pub fn new(worker: &str, effects: Effects) -> Arc<Self> {
        let inputs = ["left", "right", "fails", "ms"];
        let input = InputSpec { value_type: ValueType::Integer, required: false, summary: "A number." };
        let spec = |name: &str| {
            let name: ActionName = name.parse().expect("the name is well formed");
            let spec = ActionSpec {
                name: name.clone(),
                summary: "For tests.",
                inputs: inputs.into_iter().map(|name| (name, input.clone())).collect(),
                outputs: [("sum", ValueType::Integer)].into(),
                permissions: Vec::new(),
                trusted: true,
            };
            (name, spec)
        };
        let specs = [WORK, UNDO, GATED, POISON].map(spec).into();
        Arc::new(Self { specs, effects, worker: worker.to_owned(), vitals: OnceLock::new() })
    }

    /// Says whose session the effects are from here on.
    pub fn belong_to(&self, vitals: WorkerVitals) {
        let _ = self.vitals.set(vitals);
    }

    fn note(&self, call: &ActionCall) {
        let session = self.vitals.get().and_then(WorkerVitals::session);
        let what = if call.uses.as_str() == UNDO { "undo" } else { "work" };
        let of = (call.execution.uuid(), call.path.to_string());
        self.effects.note((&self.worker, session), what, (of.0, &of.1, call.attempt));
    }

    fn gate(&self) -> PathBuf {
        self.effects.path().with_file_name("gate")
    }

    /// Whether this is the first time that anybody does it.
    fn is_first(&self, call: &ActionCall) -> bool {
        let same = |effect: &&super::Effect| effect.execution == call.execution.uuid();
        self.effects.all().iter().filter(same).count() == 1
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
        self.note(&call);
        let number = |name: &str| call.inputs.get(name).and_then(Value::as_i64).unwrap_or_default();
        sleep(Duration::from_millis(number("ms").unsigned_abs())).await;
        match call.uses.as_str() {
            GATED if !self.is_first(&call) => {
                while !self.gate().exists() {
                    sleep(Duration::from_millis(10)).await;
                }
            }
            POISON => {
                let _ = kill_process(getpid(), Signal::KILL);
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        if i64::from(call.attempt) <= number("fails") {
            return Err(ActionError::new(ActionErrorKind::Unavailable, "not yet"));
        }
        Ok(ActionOutcome::Done(json!({ "sum": number("left") + number("right"), "by": self.worker })))
    }
}
