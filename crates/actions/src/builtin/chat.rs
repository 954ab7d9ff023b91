//! `llm/chat`: asks a model a question, and gives its words.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_analysis::SecretScanner;
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, InputSpec, ValueType};
use codeflow_model::{ChatRequest, Message, Role};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::action::{invalid, off_reactor, optional, spec, take, to_the_end};
use crate::llm::{Answer, Asker, Fenced, OUTPUTS, in_time, line, prose};
use crate::{Action, Models};

/// The route that is asked when a step names none.
pub(super) const DEFAULT_ROUTE: &str = "fast";

pub(crate) struct ChatAction {
    spec: ActionSpec,
    models: Arc<dyn Models>,
}

impl ChatAction {
    pub(crate) fn new(models: Arc<dyn Models>) -> Self {
        let inputs = [
            ("prompt", optional(ValueType::String, "the question; either this or `messages` is required")),
            ("messages", optional(ValueType::List, "a conversation: objects with `role` and `content`")),
            ("system", optional(ValueType::String, "what the model is told before all else")),
            ("data", optional(ValueType::Any, "what the question is about; it is fenced off as data")),
        ];
        let outputs = [("text", ValueType::String), ("finish", ValueType::String)];
        let spec = ActionSpec {
            inputs: inputs.into_iter().chain(tuning()).collect(),
            outputs: outputs.into_iter().chain(OUTPUTS).collect(),
            ..spec("llm/chat", "Asks a model a question.")
        };
        Self { spec, models }
    }
}

/// The inputs that say who answers and how.
pub(super) fn tuning() -> [(&'static str, InputSpec); 3] {
    [
        ("route", optional(ValueType::String, "which models to ask")),
        ("max_tokens", optional(ValueType::Integer, "the most tokens that the answer may have")),
        ("temperature", optional(ValueType::Number, "how freely the model chooses its words")),
    ]
}

#[async_trait]
impl Action for ChatAction {
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
            let (request, masked) = off_reactor(&stop, move || request(inputs)).await?;
            asker.has_masked(masked);
            let answer = Answer::of(&asker.ask(request).await?.response);
            let mut outputs = asker.outputs();
            outputs.insert("finish".to_owned(), line(answer.finish(), 60).into());
            let text = to_the_end(move || Ok(prose(&answer.text))).await?;
            outputs.insert("text".to_owned(), text.into());
            Ok(ActionOutcome::Done(Value::Object(outputs)))
        };
        in_time(timeout, work).await
    }
}

/// Takes the route out of the inputs.
pub(super) fn route(inputs: &mut Map<String, Value>, usual: &str) -> Result<String, ActionError> {
    match take::<String>(inputs, "route", "text")? {
        Some(route) if route.trim().is_empty() => Err(invalid("input `route` is empty")),
        Some(route) => Ok(route),
        None => Ok(usual.to_owned()),
    }
}

/// Takes what says how to answer out of the inputs.
pub(super) fn tune(inputs: &mut Map<String, Value>, request: &mut ChatRequest) -> Result<(), ActionError> {
    request.max_output_tokens = match take::<i64>(inputs, "max_tokens", "a number of tokens")? {
        Some(wanted) => Some(
            u64::try_from(wanted)
                .ok()
                .filter(|tokens| *tokens > 0)
                .ok_or_else(|| invalid(format!("input `max_tokens` is {wanted}, and must be at least 1")))?,
        ),
        None => request.max_output_tokens,
    };
    request.temperature = take(inputs, "temperature", "a number")?;
    match request.temperature {
        Some(wanted) if !(0.0..=2.0).contains(&wanted) => {
            Err(invalid(format!("input `temperature` is {wanted}, and must be between 0 and 2")))
        }
        Some(_) | None => Ok(()),
    }
}

/// One entry of `messages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    role: Speaker,
    content: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speaker {
    System,
    User,
    Assistant,
}

/// The question, and how many places in it were masked.
fn request(mut inputs: Map<String, Value>) -> Result<(ChatRequest, u64), ActionError> {
    let mut masked = 0;
    let mut hide = |text: &str| {
        let hidden = SecretScanner::mask_text(text);
        masked += hidden.places;
        hidden.text
    };
    let mut system = take::<String>(&mut inputs, "system", "text")?.map(|text| hide(&text));
    let prompt: Option<String> = take(&mut inputs, "prompt", "text")?;
    let said: Option<Vec<Said>> = take(
        &mut inputs,
        "messages",
        "a list of objects with `role` (system, user, assistant) and `content`",
    )?;
    let mut messages = match (prompt, said) {
        (Some(prompt), None) => vec![Message::text(Role::User, hide(&prompt))],
        (None, Some(said)) if !said.is_empty() => {
            said.into_iter().map(|said| Message::text(role(&said.role), hide(&said.content))).collect()
        }
        (Some(_), Some(_)) => return Err(invalid("inputs `prompt` and `messages` cannot both be given")),
        (None, _) => return Err(invalid("input `prompt` or `messages` is missing")),
    };
    if let Some(data) = inputs.remove("data") {
        let data = Fenced::new(hide(&text_of(&data)));
        system = Some(match system {
            Some(system) => format!("{system}\n\n{}", data.rule()),
            None => data.rule(),
        });
        messages.push(Message::text(Role::User, data.block()));
    }
    if let Some(system) = system {
        messages.insert(0, Message::text(Role::System, system));
    }
    let mut request = ChatRequest::new("", messages);
    tune(&mut inputs, &mut request)?;
    Ok((request, masked))
}

fn role(speaker: &Speaker) -> Role {
    match speaker {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    }
}

/// A value as a model reads it: text as it is, everything else as JSON.
pub(super) fn text_of(data: &Value) -> String {
    match data {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            format!("{data:#}")
        }
    }
}
