//! Policies at work: what they read, and how their refusals are told.

use std::sync::Arc;

use codeflow_model::{ApiClientError, ChatResponse, ErrorKind};

use super::Inner;
use super::attempt::Asked;
use crate::call::{Call, Evidence};
use crate::policy::{Policy, Refusal, ReplyView, RequestView};
use crate::route::Route;

impl Inner {
    /// Shows a request to every policy, decoded if one of them reads it.
    pub(super) async fn check_request(&self, call: &Call, asked: &mut Asked) -> Result<(), ApiClientError> {
        if self.policies.is_empty() {
            return Ok(());
        }
        let chat = if self.reads.request { asked.chat()? } else { None };
        let view = RequestView {
            caller: &call.caller,
            model: asked.model(),
            max_output_tokens: asked.facts().max_output_tokens,
            chat,
        };
        for policy in &self.policies {
            policy.on_request(&view).await.map_err(|refusal| told(&**policy, &refusal))?;
        }
        Ok(())
    }

    /// Takes the models out that a policy refuses.
    pub(super) fn check_models(
        &self,
        call: &Call,
        route: &Route,
        order: &mut Vec<usize>,
        evidence: &mut Evidence,
    ) -> Result<(), ApiClientError> {
        let mut refused = None;
        order.retain(|place| {
            let key = route.hops[*place].key();
            let judge = |policy: &Arc<dyn Policy>| {
                let verdict = policy.on_model(&call.caller, &key);
                verdict.map_err(|refusal| told(&**policy, &refusal))
            };
            let Err(error) = self.policies.iter().try_for_each(judge) else { return true };
            evidence.trail.push(format!("{key}: denied by a policy"));
            refused.get_or_insert(error);
            false
        });
        if order.is_empty() { refused.map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Shows a whole reply to the policies that read replies.
    pub(super) async fn check_reply(
        &self,
        call: &Call,
        evidence: &Evidence,
        reply: &ChatResponse,
    ) -> Result<(), ApiClientError> {
        if !self.reads.reply {
            return Ok(());
        }
        let view =
            ReplyView { caller: &call.caller, provider: &evidence.provider, model: &evidence.model, reply };
        for policy in self.policies.iter().filter(|policy| policy.reads().reply) {
            policy.on_reply(&view).await.map_err(|refusal| told(&**policy, &refusal))?;
        }
        Ok(())
    }
}

fn told(policy: &dyn Policy, refusal: &Refusal) -> ApiClientError {
    let text = format!("policy `{}` refuses this: {}", policy.name(), refusal.reason);
    ApiClientError::new(ErrorKind::InvalidPolicy, text)
}
