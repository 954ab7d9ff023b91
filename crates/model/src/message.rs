//! Messages and their parts, as both requests and replies hold them.

use serde::{Deserialize, Serialize};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Whoever built the application.
    System,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// A tool that the model called.
    Tool,
}

/// What one speaker says.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// A name that tells speakers of one role apart, for vendors that know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Message {
    /// A message of one text.
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text(text.into())], name: None }
    }
}

/// One piece of a message.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Words.
    Text(String),
    /// A picture.
    Image(Image),
    /// The model wants a tool to run.
    ToolCall(ToolCall),
    /// What a tool gave.
    ToolResult(ToolResult),
    /// What the model thought before it spoke.
    Thinking(Thinking),
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Image {
    /// Where its bytes are.
    pub source: ImageSource,
    /// How closely to look, for vendors that know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Where a picture's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageSource {
    /// At an address that the provider fetches.
    Url(String),
    /// Here.
    Base64 {
        /// Such as `image/png`.
        media_type: String,
        /// The bytes in base64.
        data: String,
    },
}

/// The model wants a tool to run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ToolCall {
    /// What the result refers to.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// The arguments as the model wrote them: meant to be a JSON object, but nobody has checked.
    pub arguments: String,
}

/// What a tool gave.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ToolResult {
    /// The call it answers.
    pub call_id: String,
    /// Texts and images.
    pub parts: Vec<Part>,
    /// Whether the tool failed.
    #[serde(default)]
    pub is_error: bool,
}

/// What the model thought before it spoke.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Thinking {
    /// Whose thought it is. Nobody else can check its signature, so it is sent to nobody else.
    pub provider: String,
    /// The thought.
    pub content: ThinkingContent,
}

/// A thought, readable or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingContent {
    /// A readable thought.
    Shown {
        /// The words.
        text: String,
        /// What proves to the provider that the words are the model's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<String>,
    },
    /// A thought that only the provider can read.
    Redacted(String),
}
