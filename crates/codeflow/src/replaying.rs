//! Replays of journals: what is asked for anew is asked without writing anything down, and what it cost is compared.

use std::sync::Arc;
use std::time::Duration;

use codeflow_actions::{Action, Availability, Models, model_use};
use codeflow_config::{Environment, Settings};
use codeflow_core::Usd;
use codeflow_engine::{Anew, Engine, Parts, Replay, ReplayRequest, ReplayedStep, Silent};
use codeflow_gateway::Committer;
use codeflow_persistence::Database;
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use serde_json::Value;

use crate::gateway::Unkept;
use crate::{Error, ErrorKind, Local, builtin, gateway};

/// How long accounts that nobody keeps may take to end.
const SETTLING: Duration = Duration::from_secs(1);

/// What a replay is made of that asks for something anew.
pub(crate) struct Offline {
    pub(crate) settings: Settings,
    pub(crate) environment: Environment,
    pub(crate) database: Database,
    pub(crate) actions: Vec<Arc<dyn Action>>,
    pub(crate) models: Option<Arc<dyn Models>>,
}

/// What models cost; none where nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayCost {
    /// What the journal tells.
    pub recorded: Option<Usd>,
    /// What it would be now, with what was answered from the journal.
    pub replayed: Option<Usd>,
}

impl ReplayCost {
    /// Adds up what the steps of a replay say.
    pub fn of(replay: &Replay) -> Self {
        let sum = |outputs: fn(&ReplayedStep) -> Option<&Value>| {
            let mut costs = replay.steps.iter().filter_map(outputs).flat_map(costs);
            costs.try_fold(Usd::ZERO, |sum, cost| sum.checked_add(cost?))
        };
        Self {
            recorded: sum(|step| step.recorded_outputs.as_deref()),
            replayed: sum(|step| step.replayed_outputs.as_deref()),
        }
    }
}

/// What each call of a step cost: the step itself, or its iterations.
fn costs(outputs: &Value) -> Vec<Option<Usd>> {
    let used = |outputs: &Value| Some(model_use(outputs.as_object()?)?.cost);
    match (used(outputs), outputs.get("items").and_then(Value::as_array)) {
        (Some(cost), _) => vec![cost],
        (None, Some(items)) => items.iter().filter_map(used).collect(),
        (None, None) => Vec::new(),
    }
}

impl Local {
    /// Runs the journal of an execution again and compares. Nothing is written: what models are asked anew counts for
    /// no budget but that of the workflow, which begins full.
    ///
    /// # Errors
    /// Those of [`Engine::replay`], and [`Gateway`](ErrorKind::Gateway) when nobody can be asked on the route.
    pub async fn replay(&self, request: ReplayRequest) -> Result<Replay, Error> {
        if request.anew == Anew::default() {
            return Ok(self.engine().replay(request).await?);
        }
        let (models, committer) = self.offline.models()?;
        if let Some(route) = &request.anew.route
            && let Availability::Missing(reason) = models.availability(route)
        {
            let text = format!("nobody can be asked as `{route}`: {reason}");
            return Err(Error::new(ErrorKind::Gateway, text));
        }
        let tasks = Tasks::new();
        if let Some(committer) = committer {
            let stop = tasks.stop_token();
            tasks.spawn("accounts", committer.run(stop));
        }
        let Offline { settings, environment, database, actions, .. } = &self.offline;
        let engine = Engine::new(Parts {
            store: Arc::new(database.clone()),
            actions: builtin::runner(
                self.project(),
                (environment, &settings.sandbox),
                models,
                actions.clone(),
            ),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: Arc::new(Silent),
        });
        let replay = engine.replay(request).await;
        tasks.shut_down(SETTLING).await;
        Ok(replay?)
    }
}

impl Offline {
    fn models(&self) -> Result<(Arc<dyn Models>, Option<Committer>), Error> {
        match &self.models {
            Some(models) => Ok((Arc::clone(models), None)),
            None => gateway::models(&self.settings, &self.environment, Arc::new(Unkept::default()), None),
        }
    }
}
