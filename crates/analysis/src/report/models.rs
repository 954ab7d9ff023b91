//! A model that was asked for its opinion, and what that cost. The call itself is not made here.

use std::fmt;

use codeflow_core::Usd;
use serde::{Deserialize, Serialize};

/// A model that was asked, and what that cost. The outputs of an `llm/*` step can be read as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelUse {
    /// Who answered.
    pub provider: String,
    /// The model, by the provider's own name for it.
    pub model: String,
    /// What it cost; none when nobody knows.
    #[serde(default)]
    pub cost: Option<Usd>,
    /// Whether the cost is an estimate, because the provider did not say what was used.
    #[serde(default)]
    pub estimated: bool,
    /// Whether the answer came from a cache.
    #[serde(default)]
    pub cached: bool,
}

impl ModelUse {
    /// The model with its provider, as in `openai/gpt-5`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

impl fmt::Display for ModelUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, ", self.name())?;
        match (self.cost, self.estimated) {
            (Some(cost), false) => write!(f, "{cost}")?,
            (Some(cost), true) => write!(f, "about {cost}")?,
            (None, _) => f.write_str("cost unknown")?,
        }
        if self.cached { f.write_str(", from the cache") } else { Ok(()) }
    }
}
