//! Where a provider that speaks chat completions differs, as data.

use std::collections::BTreeSet;

use codeflow_model::Capabilities;
use serde::Deserialize;

use crate::{Compatibility, KeyHeader, LimitField};

/// Differences from a [`Compatibility`]. What is absent stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompatibilityOverrides {
    /// What follows the base URL.
    pub path: Option<String>,
    /// What follows it for embeddings.
    pub embed_path: Option<String>,
    /// How the key is sent.
    pub key: Option<KeyHeader>,
    /// Which field limits the reply.
    pub limit: Option<LimitField>,
    /// Whether a stream must be asked for its usage.
    pub asks_for_usage: Option<bool>,
    /// Whether a stream closes with `[DONE]`.
    pub closes: Option<bool>,
    /// Whether thoughts are counted beside the output.
    pub reasoning_apart: Option<bool>,
    /// Whether vectors are asked for in base64.
    pub base64_vectors: Option<bool>,
    /// The field for the seed.
    pub seed: Option<String>,
    /// The word that makes a model call some tool.
    pub required: Option<String>,
    /// The field in which thoughts before a tool call go back.
    pub thought: Option<String>,
    /// Fields that are left out.
    pub omits: Option<BTreeSet<String>>,
    /// What it cannot do.
    pub lacks: BTreeSet<Ability>,
    /// What it can do, whatever else is said.
    pub has: BTreeSet<Ability>,
}

/// One of the [`Capabilities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// Replies piece by piece.
    Streaming,
    /// Tools.
    Tools,
    /// Several tool calls in one reply.
    ParallelTools,
    /// Pictures in a request.
    Images,
    /// Some JSON object as a reply.
    JsonObject,
    /// Replies that match a schema.
    JsonSchema,
    /// Thoughts in replies.
    Thinking,
    /// A seed.
    Seed,
    /// Vectors for texts.
    Embeddings,
}

impl CompatibilityOverrides {
    /// The same compatibility with these differences.
    pub fn apply(&self, base: Compatibility) -> Compatibility {
        let text = |own: &Option<String>, base: String| own.clone().unwrap_or(base);
        let mut capabilities = base.capabilities;
        self.lacks.iter().for_each(|ability| *ability.of(&mut capabilities) = false);
        self.has.iter().for_each(|ability| *ability.of(&mut capabilities) = true);
        Compatibility {
            path: text(&self.path, base.path),
            embed_path: text(&self.embed_path, base.embed_path),
            key: self.key.unwrap_or(base.key),
            limit: self.limit.unwrap_or(base.limit),
            asks_for_usage: self.asks_for_usage.unwrap_or(base.asks_for_usage),
            closes: self.closes.unwrap_or(base.closes),
            reasoning_apart: self.reasoning_apart.unwrap_or(base.reasoning_apart),
            base64_vectors: self.base64_vectors.unwrap_or(base.base64_vectors),
            seed: text(&self.seed, base.seed),
            required: text(&self.required, base.required),
            thought: self.thought.clone().or(base.thought),
            omits: self.omits.clone().unwrap_or(base.omits),
            capabilities,
        }
    }
}

impl Ability {
    fn of(self, capabilities: &mut Capabilities) -> &mut bool {
        match self {
            Self::Streaming => &mut capabilities.streaming,
            Self::Tools => &mut capabilities.tools,
            Self::ParallelTools => &mut capabilities.parallel_tools,
            Self::Images => &mut capabilities.images,
            Self::JsonObject => &mut capabilities.json_object,
            Self::JsonSchema => &mut capabilities.json_schema,
            Self::Thinking => &mut capabilities.thinking,
            Self::Seed => &mut capabilities.seed,
            Self::Embeddings => &mut capabilities.embeddings,
        }
    }
}
