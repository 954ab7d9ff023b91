//! One model in the registry: what a document may say about it. Absent means unknown.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::price::Prices;
use crate::registry::{Lint, ModelFeature};

/// What is known about one model of one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Who serves it, such as `openai`.
    pub provider: String,
    /// The provider's name for it.
    pub id: String,
    /// What it is for, and how it is reached.
    #[serde(default)]
    pub kind: ModelKind,
    /// Other names that the provider accepts for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aliases: BTreeSet<String>,
    /// The longest prompt, in tokens. The answer is not part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// How many numbers an embedding has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// What it costs; `None` when nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// What it can do, as far as anybody said so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<ModelFeature>,
    /// Where it differs from its relatives.
    #[serde(default, skip_serializing_if = "Quirks::is_empty")]
    pub quirks: Quirks,
    /// The first day on which it is not served any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<NaiveDate>,
    /// Whether it is not served any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
    /// Which model of the same provider takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// Lints that do not hold for it, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub excused: BTreeMap<Lint, String>,
}

/// What a model is for, and how it is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelKind {
    /// It answers messages.
    #[default]
    Chat,
    /// It answers messages, but only through the vendor's interface for responses.
    Responses,
    /// It turns text into vectors.
    Embedding,
}

/// Where a model differs from its relatives. `None` means that nobody said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quirks {
    /// Whether it takes `temperature` and its like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<bool>,
    /// Whether a request may begin the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefill: Option<bool>,
    /// Whether it can be made to call a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forced_tools: Option<bool>,
    /// Whether arguments of tools can be held to their schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strict_tools: Option<bool>,
    /// Whether it thinks even when told not to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking_always_on: Option<bool>,
    /// Whether it can decide by itself how long to think.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_thinking: Option<bool>,
    /// Whether a system message may stand between others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid_conversation_system: Option<bool>,
    /// Whether it takes `output_config`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_config: Option<bool>,
    /// Whether it takes `speed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<bool>,
    /// Whether a request may say where the cached part of the prompt ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_breakpoints: Option<bool>,
    /// The shortest prompt that the cache keeps, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_min_tokens: Option<u64>,
    /// Which efforts of reasoning it takes; one that is not listed is unknown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub efforts: BTreeMap<String, bool>,
    /// The effort of reasoning when a request names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_effort: Option<String>,
}

impl Quirks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl ModelEntry {
    /// The name that means this model and no other: `provider/id`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.provider, self.id)
    }

    /// The id, then the other names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.aliases.iter().map(String::as_str))
    }

    /// Whether it can be asked on this day, as far as the registry knows.
    pub fn is_served(&self, today: NaiveDate) -> bool {
        !self.retired && self.deprecated.is_none_or(|date| today < date)
    }
}
