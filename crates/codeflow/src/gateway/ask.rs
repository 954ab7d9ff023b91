//! Joins the port of the `llm/*` actions to the gateway, so that the same rules hold for a step as for a client.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use codeflow_actions::{Availability, ModelAsk, ModelError, ModelReply, Models};
use codeflow_gateway::{Call, Caller, Gateway, Inbound, Reply, ReplyBody, StepCall};
use codeflow_model::{ChatRequest, ErrorKind};

/// The models of the gateway, asked by steps.
pub(crate) struct GatewayModels {
    gateway: Gateway,
}

impl GatewayModels {
    /// Steps call in the name of the engine, for the tenant whose execution it is.
    pub(crate) fn new(gateway: Gateway) -> Self {
        Self { gateway }
    }

    /// Names a call so that it can be found from its step.
    fn call(&self, ask: &ModelAsk) -> Call {
        let ModelAsk { tenant, execution, path, attempt, call, budget, within, .. } = ask;
        let caller = Caller {
            tenant: tenant.as_str().into(),
            user: None,
            key: "engine".into(),
            quota: codeflow_gateway::MinuteQuota::default(),
        };
        Call {
            caller: Arc::new(caller),
            request_id: format!("{execution}/{path}/{attempt}/{call}").into(),
            step: Some(StepCall { execution: *execution, path: path.to_string(), budget: *budget }),
            deadline: Some(Instant::now() + *within),
            use_cache: true,
        }
    }
}

#[async_trait]
impl Models for GatewayModels {
    async fn complete(&self, ask: ModelAsk) -> Result<ModelReply, ModelError> {
        let call = self.call(&ask);
        let request = ChatRequest { model: ask.route, ..ask.request };
        let inbound = Inbound::Chat { request, stream: false };
        let Reply { body, evidence } =
            self.gateway.ask(call, inbound).await.map_err(|failed| failed.error)?;
        let ReplyBody::Chat(response) = body else {
            return Err(ModelError::new(
                ErrorKind::Internal,
                "the gateway answered something else than a reply",
            ));
        };
        let usage = response.usage;
        Ok(ModelReply {
            response,
            provider: evidence.provider.as_ref().to_owned(),
            model: evidence.model.as_ref().to_owned(),
            route: evidence.route.as_ref().to_owned(),
            usage,
            cost: evidence.cost,
            estimated: usage.input.is_none() || usage.output.is_none(),
            attempts: evidence.attempts,
            cached: evidence.cached,
        })
    }

    fn availability(&self, route: &str) -> Availability {
        match self.gateway.routes().find(route) {
            Ok(_) => Availability::Ready,
            Err(error) => Availability::Missing(error.to_string()),
        }
    }
}
