//! Which model a step asked, for whoever shows it to people.

use std::fmt;

use codeflow_actions::model_use;
use codeflow_analysis::ModelUse;
use serde_json::Value;

use crate::{Phase, StepView};

/// A model that a step asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The model, and what it cost.
    pub model: ModelUse,
    /// How many findings it has, if it was asked for any and gave an answer.
    pub findings: Option<usize>,
}

impl Asked {
    /// The model that a step asked, once the step is done with; none for one that asked nobody.
    pub fn of(step: &StepView<'_>) -> Option<Self> {
        let Phase::Settled(settled) = step.phase else { return None };
        let outputs = settled.outputs.as_deref()?.as_object()?;
        let findings = outputs.get("findings").and_then(Value::as_array).map(Vec::len);
        Some(Self { model: model_use(outputs)?, findings })
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.findings {
            Some(1) => write!(f, "1 finding by {}", self.model),
            Some(count) => write!(f, "{count} findings by {}", self.model),
            None => write!(f, "by {}", self.model),
        }
    }
}
