//! `llm/review`: a model's opinion of a change, as findings beside those of the checks. It adds; it takes nothing away.

mod opinions;
mod prompt;
mod shown;

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_analysis::{Diff, SecretScanner, Severity};
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, ValueType};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::action::{invalid, off_reactor, optional, required, spec, take, take_required, to_the_end};
use crate::builtin::chat::{route, tune};
use crate::builtin::diff::as_value;
use crate::fault::Fault;
use crate::llm::{Answer, Asker, OUTPUTS, Schema, in_time};
use crate::upstream::counted;
use crate::{Action, Models};
use opinions::{Opinions, Taste};
use shown::Shown;

/// The name of this action, and the route that is asked when a step names none.
const NAME: &str = "llm/review";
const DEFAULT_ROUTE: &str = "review";

/// The form of answers; there is one until now.
const FORM: &str = "findings/v1";

/// How many findings are kept.
const USUAL_FINDINGS: usize = 20;
const MOST_FINDINGS: usize = 100;

/// How many tokens of a change are shown.
const USUAL_INPUT: usize = 60_000;
const LEAST_INPUT: usize = 1000;
const MOST_INPUT: usize = 1_000_000;

/// How many tokens an answer may have, thoughts included.
const ANSWER_TOKENS: u64 = 16_000;

pub(crate) struct ReviewAction {
    spec: ActionSpec,
    models: Arc<dyn Models>,
}

impl ReviewAction {
    pub(crate) fn new(models: Arc<dyn Models>) -> Self {
        let inputs = [
            ("diff", required(ValueType::Object, "the output `diff` of `git/diff`")),
            ("route", optional(ValueType::String, "which models to ask")),
            ("schema", optional(ValueType::String, "the form of the answer: `findings/v1`")),
            ("instructions", optional(ValueType::String, "what else the model should look for")),
            ("max_findings", optional(ValueType::Integer, "how many findings are kept, worst first")),
            ("max_severity", optional(ValueType::String, "the worst severity that an opinion may have")),
            ("max_input_tokens", optional(ValueType::Integer, "how much of the change the model is shown")),
            ("max_tokens", optional(ValueType::Integer, "the most tokens that the answer may have")),
            ("temperature", optional(ValueType::Number, "how freely the model chooses its words")),
        ];
        let outputs = [
            ("findings", ValueType::List),
            ("dropped", ValueType::Integer),
            ("left_out", ValueType::List),
            ("notes", ValueType::List),
        ];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: outputs.into_iter().chain(OUTPUTS).collect(),
            ..spec(NAME, "Asks a model to review a change.")
        };
        Self { spec, models }
    }
}

#[async_trait]
impl Action for ReviewAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, mut call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        let timeout = call.timeout;
        let route = route(&mut call.inputs, DEFAULT_ROUTE)?;
        let mut asker = match Asker::new(&self.models, &call, route, &stop) {
            Ok(asker) => asker,
            Err(skipped) => return Ok(skipped),
        };
        let inputs = call.inputs;
        in_time(timeout, async {
            let task = off_reactor(&stop, move || Task::of(inputs)).await?;
            if task.shown.is_empty() {
                let text = "the change holds no text that a model could read";
                return Ok(Fault::NothingToAsk.skip(text.to_owned()));
            }
            asker.has_masked(task.masked);
            task.ask(asker).await.map(ActionOutcome::Done)
        })
        .await
    }
}

/// A change as a model is shown it, and what is made of the answer.
struct Task {
    request: codeflow_model::ChatRequest,
    shown: Shown,
    taste: Taste,
    masked: u64,
}

impl Task {
    fn of(mut inputs: Map<String, Value>) -> Result<Self, ActionError> {
        let inputs = &mut inputs;
        let mut diff: Diff = take_required(inputs, "diff", "a diff as `git/diff` gives it")?;
        let instructions: Option<String> = take(inputs, "instructions", "text")?;
        if let Some(form) = take::<String>(inputs, "schema", "text")?.filter(|form| form != FORM) {
            let form = form.escape_debug();
            return Err(invalid(format!(
                "input `schema` is `{form}`, and the only form there is is `{FORM}`"
            )));
        }
        let taste = Taste {
            most: number(inputs, "max_findings", (1, USUAL_FINDINGS, MOST_FINDINGS))?,
            worst: worst(take(inputs, "max_severity", "text")?)?,
        };
        let tokens = number(inputs, "max_input_tokens", (LEAST_INPUT, USUAL_INPUT, MOST_INPUT))?;
        let masked = SecretScanner::mask_diff(&mut diff);
        let shown = Shown::choose(diff, tokens);
        let mut request = prompt::request(&shown, instructions.as_deref(), taste.most);
        request.max_output_tokens = Some(ANSWER_TOKENS);
        tune(inputs, &mut request)?;
        Ok(Self { request, shown, taste, masked })
    }

    async fn ask(self, mut asker: Asker) -> Result<Value, ActionError> {
        let reply = asker.ask(self.request).await?;
        let (shown, taste, masked) = (self.shown, self.taste, self.masked);
        let mut outputs = asker.outputs();
        let read = to_the_end(move || {
            let schema = Schema::new(&prompt::schema()).map_err(|why| Fault::BadAnswer.error(why))?;
            let answer = Answer::of(&reply.response).document(&schema, |answer| answer)?;
            let model = format!("{}/{}", reply.provider, reply.model);
            let opinions = Opinions::read(answer, &shown, &taste, &model);
            let notes: Vec<String> = opinions.notes().chain(notes(&shown, masked)).collect();
            outputs.insert("findings".to_owned(), as_value(&opinions.findings)?);
            outputs.insert("dropped".to_owned(), opinions.dropped.into());
            outputs.insert("left_out".to_owned(), as_value(&shown.left_out)?);
            outputs.insert("notes".to_owned(), notes.into());
            Ok(Value::Object(outputs))
        });
        read.await.map_err(|error| asker.told(error))
    }
}

/// What the opinion does not cover.
fn notes(shown: &Shown, masked: u64) -> impl Iterator<Item = String> {
    let left_out = shown.left_out.len() as u64 + shown.left_out_more;
    let left_out = (left_out > 0).then(|| {
        let files = counted(left_out, "changed file", "changed files");
        format!("the model did not see {files} in full")
    });
    let masked = (masked > 0).then(|| {
        let lines = counted(masked, "line that looks", "lines that look");
        format!("{lines} like a secret reached the model only masked")
    });
    left_out.into_iter().chain(masked)
}

fn worst(given: Option<String>) -> Result<Severity, ActionError> {
    let Some(text) = given else { return Ok(Severity::High) };
    text.parse().map_err(|error: codeflow_analysis::Error| {
        invalid(format!("input `max_severity`: {error}")).with_code(error.code())
    })
}

/// Takes a number out of the inputs: the least, the usual, and the most.
fn number(
    inputs: &mut Map<String, Value>,
    name: &str,
    (least, usual, most): (usize, usize, usize),
) -> Result<usize, ActionError> {
    let Some(wanted) = take::<i64>(inputs, name, "a whole number")? else { return Ok(usual) };
    usize::try_from(wanted)
        .ok()
        .filter(|wanted| (least..=most).contains(wanted))
        .ok_or_else(|| invalid(format!("input `{name}` is {wanted}, and must be between {least} and {most}")))
}
