//! What is asked of a model.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::Message;

/// What is asked of a model. What is absent is left to the provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChatRequest {
    /// The model, by the provider's own name for it.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether it must.
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several tools at once.
    pub parallel_tool_calls: Option<bool>,
    /// The form of the reply.
    pub response_format: Option<ResponseFormat>,
    /// The most tokens it may write, thoughts included.
    pub max_output_tokens: Option<u64>,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The share of likely words it chooses from.
    pub top_p: Option<f64>,
    /// Texts at which it stops.
    pub stop: Vec<String>,
    /// Makes replies repeatable, where a provider can.
    pub seed: Option<i64>,
    /// How hard it should think: `low`, `medium`, `high`, or another word of the provider's.
    pub reasoning_effort: Option<String>,
    /// Who asks, for the provider's watch against abuse.
    pub user: Option<String>,
    /// Labels that the provider stores.
    pub metadata: Map<String, Value>,
    /// Fields that only the provider understands, passed on as they are. They never replace a field named above.
    pub extra: Map<String, Value>,
}

impl ChatRequest {
    /// A request with nothing but a model and a conversation.
    pub fn new(model: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            model: model.into(),
            messages,
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            response_format: None,
            max_output_tokens: None,
            temperature: None,
            top_p: None,
            stop: Vec::new(),
            seed: None,
            reasoning_effort: None,
            user: None,
            metadata: Map::new(),
            extra: Map::new(),
        }
    }
}

/// Something the model may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does and when to use it.
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub parameters: Value,
    /// Whether the arguments are sure to match the schema.
    pub strict: Option<bool>,
}

/// Whether the model must call a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// It may not.
    None,
    /// It must call one or more.
    Required,
    /// It must call this one.
    Named(String),
}

/// The form of a reply.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Free text.
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that matches a schema.
    JsonSchema {
        /// The schema's name.
        name: String,
        /// The schema.
        schema: Value,
        /// Whether the reply is sure to match.
        strict: Option<bool>,
    },
}
