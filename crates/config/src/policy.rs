//! What no key may do.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Names;

/// What no key may do. Models are named as `provider/model`; a `*` at the end stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySettings {
    /// The models that may be called; `None`: all of them.
    pub allow_models: Option<Vec<String>>,
    /// The models that may not be called, even if allowed.
    pub deny_models: Vec<String>,
    /// The longest answer that may be asked for, in tokens.
    pub max_output_tokens: Option<NonZeroU32>,
}

/// See [`PolicySettings`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawPolicy {
    /// The models that may be called, as `provider/model`; a `*` at the end stands for anything. Left out: all of them.
    #[schemars(extend("x-example" = ["openai/*", "anthropic/*"]))]
    allow_models: Option<Names>,
    /// The models that may not be called, even if allowed.
    deny_models: Names,
    /// The longest answer that may be asked for, in tokens. Left out: what the model can do.
    #[schemars(extend("x-example" = 16_000))]
    max_output_tokens: Option<u32>,
}

impl RawPolicy {
    pub(crate) fn settle(self, checks: &mut Checks) -> PolicySettings {
        PolicySettings {
            allow_models: self.allow_models.map(|names| checks.models("policy.allow_models", names)),
            deny_models: checks.models("policy.deny_models", self.deny_models),
            max_output_tokens: checks.limit("policy.max_output_tokens", self.max_output_tokens),
        }
    }
}
