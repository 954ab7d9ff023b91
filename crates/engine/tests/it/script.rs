//! Actions that do what a test tells them, and remember how often they were asked.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec, Clock,
    Timestamp,
};
use codeflow_engine::ActionRunner;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub(crate) type Answer = Result<ActionOutcome, ActionError>;
type Handler =
    Arc<dyn Fn(ActionCall, CancellationToken) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// One call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) path: String,
    pub(crate) attempt: u32,
    pub(crate) at: Timestamp,
}

/// Steps do what was said with [`Script::on`]; others give their inputs back.
pub(crate) struct Script {
    clock: Arc<dyn Clock>,
    only: ActionSpec,
    handlers: Mutex<HashMap<String, Handler>>,
    made: Mutex<Vec<Made>>,
}

impl Script {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let only = ActionSpec {
            name: "test/x".parse().unwrap(),
            summary: "Does what a test says.",
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            permissions: Vec::new(),
            trusted: true,
        };
        Self { clock, only, handlers: Mutex::default(), made: Mutex::default() }
    }

    /// Says what a step does.
    pub(crate) fn on<F>(
        &self,
        step: &str,
        handler: impl Fn(ActionCall, CancellationToken) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |call, stop| Box::pin(handler(call, stop)));
        self.handlers.lock().unwrap().insert(step.to_owned(), handler);
    }

    /// Makes every attempt of a step give this.
    pub(crate) fn gives(&self, step: &str, outputs: Value) {
        self.on(step, move |_, _| std::future::ready(done(outputs.clone())));
    }

    /// Makes every attempt of a step fail.
    pub(crate) fn fails(&self, step: &str, kind: ActionErrorKind) {
        self.on(step, move |_, _| std::future::ready(failed(kind)));
    }

    /// Makes every attempt of a step go on for ever.
    pub(crate) fn hangs(&self, step: &str) {
        self.on(step, |_, _| std::future::pending());
    }

    /// Forgets what was said about a step.
    pub(crate) fn mend(&self, step: &str) {
        self.handlers.lock().unwrap().remove(step);
    }

    pub(crate) fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap().clone()
    }

    /// The paths that were called, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.made().into_iter().map(|made| made.path).collect()
    }

    pub(crate) fn count(&self, path: &str) -> usize {
        self.made().iter().filter(|made| made.path == path).count()
    }
}

pub(crate) fn done(outputs: Value) -> Answer {
    Ok(ActionOutcome::Done(outputs))
}

pub(crate) fn failed(kind: ActionErrorKind) -> Answer {
    Err(ActionError::new(kind, "the script says so"))
}

/// There is `test/x` and nothing else.
impl ActionCatalog for Script {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        (*name == self.only.name).then_some(&self.only)
    }

    fn names(&self) -> Vec<ActionName> {
        vec![self.only.name.clone()]
    }
}

#[async_trait]
impl ActionRunner for Script {
    fn catalog(&self) -> &dyn ActionCatalog {
        self
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Answer {
        let made = Made { path: call.path.to_string(), attempt: call.attempt, at: self.clock.now() };
        self.made.lock().unwrap().push(made);
        let handler = self.handlers.lock().unwrap().get(call.path.step.as_str()).cloned();
        match handler {
            Some(handler) => handler(call, stop).await,
            None => done(Value::Object(call.inputs)),
        }
    }
}
