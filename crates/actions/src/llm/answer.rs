//! Reads what a model answered: its words, or a document that must match a schema.

use codeflow_core::{ActionError, ActionErrorKind};
use codeflow_model::{ChatResponse, ErrorKind, FinishReason, Part};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::fault::Fault;

/// How many problems of an answer are told.
const MAX_PROBLEMS: usize = 5;

/// What a model said.
pub(crate) struct Answer {
    /// Its words.
    pub(crate) text: String,
    finish: FinishReason,
}

impl Answer {
    pub(crate) fn of(response: &ChatResponse) -> Self {
        let words = response.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => None,
        });
        Self { text: words.collect(), finish: response.finish.clone() }
    }

    /// Why it ended, in a word.
    pub(crate) fn finish(&self) -> &str {
        match &self.finish {
            FinishReason::Stop => "stop",
            FinishReason::StopSequence(_) => "stop_sequence",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::ContentFilter => "content_filter",
            FinishReason::Other(word) => word,
        }
    }

    /// The document in it, held against the schema after it was prepared.
    pub(crate) fn document(
        &self,
        schema: &Schema,
        prepare: impl FnOnce(Value) -> Value,
    ) -> Result<Value, Unfit> {
        match self.finish {
            FinishReason::ContentFilter => return Err(Unfit::Refused),
            FinishReason::Length => return Err(Unfit::Cut),
            FinishReason::Stop
            | FinishReason::StopSequence(_)
            | FinishReason::ToolCalls
            | FinishReason::Other(_) => {}
        }
        let value = prepare(find(&self.text).ok_or(Unfit::NoJson)?);
        match schema.problems(&value) {
            problems if problems.is_empty() => Ok(value),
            problems => Err(Unfit::Mismatch(problems)),
        }
    }
}

/// Why an answer cannot be used.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// The model or its provider would not answer.
    Refused,
    /// It ends too early.
    Cut,
    /// There is no JSON in it.
    NoJson,
    /// The JSON is not what was asked for; these are the places.
    Mismatch(Vec<Problem>),
}

/// One place where a document breaks its schema.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Where, and against what, without a word of the document.
    pub(crate) place: String,
    /// The same for the model that wrote it.
    pub(crate) sentence: String,
}

impl Unfit {
    /// What a model can be told so that it does better.
    pub(crate) fn complaint(&self) -> Option<String> {
        match self {
            Self::Refused | Self::Cut => None,
            Self::NoJson => Some("it is not JSON".to_owned()),
            Self::Mismatch(problems) => {
                let told: Vec<&str> = problems.iter().map(|problem| problem.sentence.as_str()).collect();
                Some(told.join("; "))
            }
        }
    }
}

impl From<Unfit> for ActionError {
    fn from(unfit: Unfit) -> Self {
        let why = match unfit {
            Unfit::Refused => {
                let text = "the model or its provider would not answer";
                return Self::new(ActionErrorKind::Failed, text).with_code(ErrorKind::ContentFiltered.code());
            }
            Unfit::Cut => "the model's answer was cut at its limit of tokens".to_owned(),
            Unfit::NoJson => "the model's answer is not JSON".to_owned(),
            Unfit::Mismatch(problems) => {
                let places: Vec<&str> = problems.iter().map(|problem| problem.place.as_str()).collect();
                format!("the model's answer does not match the schema: {}", places.join("; "))
            }
        };
        Fault::BadAnswer.error(why)
    }
}

/// A JSON schema, ready to be held against documents. It reads nothing from outside, and its patterns take linear time.
pub(crate) struct Schema(Validator);

impl Schema {
    /// The most that a schema may take as JSON.
    pub(crate) const MAX_BYTES: usize = 64 << 10;

    /// Prepares a schema, or says where it is none.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        if schema.to_string().len() > Self::MAX_BYTES {
            return Err(format!("it is larger than {} KiB", Self::MAX_BYTES >> 10));
        }
        let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
        options.build(schema).map(Self).map_err(|error| {
            let (place, what) = (error.instance_path().to_string(), error.kind().keyword().to_owned());
            format!("`{}` at `{}`", brief(&what), brief(if place.is_empty() { "/" } else { &place }))
        })
    }

    fn problems(&self, value: &Value) -> Vec<Problem> {
        let problem = |error: jsonschema::ValidationError<'_>| {
            let path = error.instance_path().to_string();
            let path = if path.is_empty() { "/".to_owned() } else { brief(&path) };
            Problem {
                place: format!("`{}` at `{path}`", error.kind().keyword()),
                sentence: brief(&format!("at {path}: {}", error.masked())),
            }
        };
        self.0.iter_errors(value).take(MAX_PROBLEMS).map(problem).collect()
    }
}

/// Words of a model's choosing may stand in a path.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// The JSON in a text: all of it, what stands in its first fence, or the first value in it.
fn find(text: &str) -> Option<Value> {
    let text = text.trim();
    let first = |text: &str| {
        let begin = text.find(['{', '['])?;
        serde_json::Deserializer::from_str(text.get(begin..)?).into_iter().next()?.ok()
    };
    let fenced = text.split_once("```").and_then(|(_, rest)| rest.split_once('\n')).map(|(_, rest)| rest);
    serde_json::from_str(text).ok().or_else(|| fenced.and_then(first)).or_else(|| first(text))
}
