//! Texts in, vectors out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Usage;

/// What is asked of an embedding model. What is absent is left to the provider.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EmbedRequest {
    /// The model, by the provider's own name for it.
    pub model: String,
    /// The texts, each of which gives one vector.
    pub input: Vec<EmbedInput>,
    /// How many numbers a vector should have.
    pub dimensions: Option<u32>,
    /// What the vectors are for, for vendors that ask: `search_document`, `search_query` and others.
    pub purpose: Option<String>,
    /// Who asks, for the provider's watch against abuse.
    pub user: Option<String>,
    /// Fields that only the provider understands, passed on as they are. They never replace a field named above.
    pub extra: Map<String, Value>,
}

/// One thing to embed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmbedInput {
    /// A text.
    Text(String),
    /// The numbers of a text's tokens, for vendors that take them.
    Tokens(Vec<u32>),
}

/// One vector for each input, in the same order.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct EmbedResponse {
    /// The model that served, by the provider's own name for it.
    pub model: String,
    /// The vectors.
    pub vectors: Vec<Vec<f32>>,
    /// What was used; there is no output.
    pub usage: Usage,
}

impl EmbedRequest {
    /// A request with nothing but a model and texts.
    pub fn new(model: impl Into<String>, texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            model: model.into(),
            input: texts.into_iter().map(|text| EmbedInput::Text(text.into())).collect(),
            dimensions: None,
            purpose: None,
            user: None,
            extra: Map::new(),
        }
    }
}
