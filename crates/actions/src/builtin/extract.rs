//! `llm/extract`: has a model read something, and gives what it found in the form that was asked for.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_analysis::SecretScanner;
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, ValueType};
use codeflow_model::{ChatRequest, Message, ResponseFormat, Role};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::action::{invalid, off_reactor, optional, required, spec, take, take_required, to_the_end};
use crate::builtin::chat::{DEFAULT_ROUTE, route, text_of, tune, tuning};
use crate::llm::{Answer, Asker, Fenced, OUTPUTS, Schema, in_time, values};
use crate::{Action, Models};

const TASK: &str = "You read data and answer with one JSON document that holds what was asked for, and nothing else: \
                    no explanation, no code fence. Take every value from the data; invent none.";

pub(crate) struct ExtractAction {
    spec: ActionSpec,
    models: Arc<dyn Models>,
}

impl ExtractAction {
    pub(crate) fn new(models: Arc<dyn Models>) -> Self {
        let inputs = [
            ("text", optional(ValueType::String, "what to read; either this or `data` is required")),
            ("data", optional(ValueType::Any, "what to read, as a value")),
            ("schema", required(ValueType::Object, "the JSON schema of the answer")),
            ("instructions", optional(ValueType::String, "what to look for")),
            (
                "repair",
                optional(ValueType::Boolean, "whether an answer that does not fit is asked for again, once"),
            ),
        ];
        let outputs = [("data", ValueType::Any), ("calls", ValueType::Integer)];
        let spec = ActionSpec {
            inputs: inputs.into_iter().chain(tuning()).collect(),
            outputs: outputs.into_iter().chain(OUTPUTS).collect(),
            ..spec(
                "llm/extract",
                "Has a model read something, and gives what it found in a form of your choice.",
            )
        };
        Self { spec, models }
    }
}

#[async_trait]
impl Action for ExtractAction {
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
        let work = async {
            let task = off_reactor(&stop, move || Task::of(inputs)).await?;
            asker.has_masked(task.masked);
            let data = task.ask(&mut asker).await?;
            let mut outputs = asker.outputs();
            outputs.insert("data".to_owned(), data);
            outputs.insert("calls".to_owned(), asker.calls().into());
            Ok(ActionOutcome::Done(Value::Object(outputs)))
        };
        in_time(timeout, work).await
    }
}

/// What to ask for, and how often.
struct Task {
    request: ChatRequest,
    schema: Arc<Schema>,
    masked: u64,
    repair: bool,
}

impl Task {
    fn of(mut inputs: Map<String, Value>) -> Result<Self, ActionError> {
        let wanted: Value = take_required(&mut inputs, "schema", "a JSON schema")?;
        let schema =
            Schema::new(&wanted).map_err(|why| invalid(format!("input `schema` is not usable: {why}")))?;
        let text = match (take::<String>(&mut inputs, "text", "text")?, inputs.remove("data")) {
            (Some(text), None) => text,
            (None, Some(data)) => text_of(&data),
            (Some(_), Some(_)) => return Err(invalid("inputs `text` and `data` cannot both be given")),
            (None, None) => return Err(invalid("input `text` or `data` is missing")),
        };
        let instructions: Option<String> = take(&mut inputs, "instructions", "text")?;
        let hidden = SecretScanner::mask_text(&text);
        let data = Fenced::new(hidden.text);
        let system = [
            Some(TASK.to_owned()),
            instructions.map(|text| SecretScanner::mask_text(&text).text),
            Some(format!("The document must match this JSON schema:\n{wanted}")),
            Some(data.rule()),
        ];
        let system: Vec<String> = system.into_iter().flatten().collect();
        let messages =
            vec![Message::text(Role::System, system.join("\n\n")), Message::text(Role::User, data.block())];
        let mut request = ChatRequest::new("", messages);
        request.response_format =
            Some(ResponseFormat::JsonSchema { name: "answer".to_owned(), schema: wanted, strict: None });
        tune(&mut inputs, &mut request)?;
        let repair = take(&mut inputs, "repair", "true or false")?.unwrap_or(false);
        Ok(Self { request, schema: Arc::new(schema), masked: hidden.places, repair })
    }

    /// Asks, and once more with what was wrong when the step allows it.
    async fn ask(mut self, asker: &mut Asker) -> Result<Value, ActionError> {
        loop {
            let answer = Answer::of(&asker.ask(self.request.clone()).await?.response);
            let schema = Arc::clone(&self.schema);
            let (answer, found) = to_the_end(move || {
                let found = answer.document(&schema, values);
                Ok((answer, found))
            })
            .await?;
            let unfit = match found {
                Ok(data) => return Ok(data),
                Err(unfit) => unfit,
            };
            match unfit.complaint().filter(|_| std::mem::take(&mut self.repair)) {
                Some(complaint) => {
                    let again =
                        format!("That does not do: {complaint}. Answer with the whole document again.");
                    // No provider takes an empty message.
                    let said =
                        if answer.text.trim().is_empty() { "(nothing)".to_owned() } else { answer.text };
                    self.request.messages.push(Message::text(Role::Assistant, said));
                    self.request.messages.push(Message::text(Role::User, again));
                }
                None => return Err(asker.told(unfit.into())),
            }
        }
    }
}
