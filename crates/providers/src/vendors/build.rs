//! From a provider's description to something that can be asked.

use std::sync::Arc;

use codeflow_core::Clock;
use codeflow_model::{ApiClientError, ChatModel};
use codeflow_net::{Guard, Pool};

use super::{CompatibilityOverrides, DialectName, ProviderSpec};
use crate::{
    Anthropic, Bedrock, Cohere, Compatibility, Dialect, Endpoint, Gemini, HttpModel, Ollama, OpenAi,
};

/// The provider at an endpoint, as [`ProviderSpec::address`] and its credentials make one up. Nothing is sent yet.
///
/// # Errors
///
/// `InvalidRequest` when the description is wrong; `ProviderConnection` when the guard does not let anybody reach the
/// address.
pub fn provider(
    spec: &ProviderSpec,
    endpoint: Endpoint,
    guard: &Guard,
    pool: Pool,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn ChatModel>, ApiClientError> {
    let vendor = spec.vendor()?;
    let name = spec.name.clone();
    if vendor.dialect != DialectName::OpenAi && spec.overrides != CompatibilityOverrides::default() {
        return Err(spec.wrong("does not speak chat completions, so that nothing in it can be overridden"));
    }
    let way = Way { endpoint, guard, pool, clock };
    match vendor.dialect {
        DialectName::OpenAi => {
            let differences = spec.overrides.apply(vendor.overrides.apply(Compatibility::default()));
            way.speak(OpenAi::new(name, differences))
        }
        DialectName::Anthropic => way.speak(Anthropic::new(name)),
        DialectName::Gemini => way.speak(Gemini::new(name)),
        DialectName::Bedrock => way.speak(Bedrock::new(name, spec.region()?)),
        DialectName::Ollama => way.speak(Ollama::new(name)),
        DialectName::Cohere => way.speak(Cohere::new(name)),
    }
}

/// How a provider is reached, whatever it speaks.
struct Way<'a> {
    endpoint: Endpoint,
    guard: &'a Guard,
    pool: Pool,
    clock: Arc<dyn Clock>,
}

impl Way<'_> {
    fn speak<D: Dialect>(self, dialect: D) -> Result<Arc<dyn ChatModel>, ApiClientError> {
        let Self { endpoint, guard, pool, clock } = self;
        Ok(Arc::new(HttpModel::new(dialect, endpoint, guard, pool, clock)?))
    }
}
