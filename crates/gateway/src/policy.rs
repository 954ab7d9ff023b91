//! The hook for policies: what is asked and what is answered passes them. Which policies there are is decided elsewhere.

use async_trait::async_trait;
use codeflow_model::{ChatRequest, ChatResponse};

use crate::Caller;

/// A rule over requests and replies. It is asked once for each call, before anything is reserved or sent, and, if it
/// reads replies, once for each whole one. Vectors are no reply.
#[async_trait]
pub trait Policy: Send + Sync {
    /// Its name, as a refusal tells it.
    fn name(&self) -> &str;

    /// How much of a call it has to see.
    fn reads(&self) -> Reads;

    /// Judges a request.
    ///
    /// # Errors
    ///
    /// A refusal ends the call.
    async fn on_request(&self, request: &RequestView<'_>) -> Result<(), Refusal>;

    /// Judges a model that may answer, by its full name, whatever name it is asked for by. A route goes on without one
    /// that is refused.
    ///
    /// # Errors
    ///
    /// The refusal, which ends the call when nobody else may answer.
    fn on_model(&self, _caller: &Caller, _model: &str) -> Result<(), Refusal> {
        Ok(())
    }

    /// Judges a reply. Only policies that read replies are asked.
    ///
    /// # Errors
    ///
    /// A refusal keeps the reply from the caller; what it cost stays spent.
    async fn on_reply(&self, reply: &ReplyView<'_>) -> Result<(), Refusal>;
}

/// How much of a call a policy has to see. The more, the more a call costs: a request that is only forwarded is
/// decoded, a reply that comes piece by piece is held back until it is whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// The conversation.
    pub request: bool,
    /// The reply.
    pub reply: bool,
}

/// What a policy sees of a request.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The name that is asked for.
    pub model: &'a str,
    /// The most tokens that may come out.
    pub max_output_tokens: Option<u64>,
    /// The conversation, for policies that read it.
    pub chat: Option<&'a ChatRequest>,
}

/// What a policy sees of a reply.
#[derive(Clone, Copy, Debug)]
pub struct ReplyView<'a> {
    /// Who called.
    pub caller: &'a Caller,
    /// Who answered.
    pub provider: &'a str,
    /// Which model.
    pub model: &'a str,
    /// The reply.
    pub reply: &'a ChatResponse,
}

/// A policy says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for the caller's eyes.
    pub reason: String,
}

/// Allows and denies models by their full names, and bounds what a call may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelPolicy {
    /// The only models that may answer, as `provider/model`; `None` allows all. A `*` at the end stands for any rest.
    pub allow: Option<Vec<String>>,
    /// Models that may not answer.
    pub deny: Vec<String>,
    /// The most tokens that a call may ask for.
    pub max_output_tokens: Option<u64>,
}

#[async_trait]
impl Policy for ModelPolicy {
    fn name(&self) -> &str {
        "models"
    }

    fn reads(&self) -> Reads {
        Reads::default()
    }

    async fn on_request(&self, request: &RequestView<'_>) -> Result<(), Refusal> {
        match (self.max_output_tokens, request.max_output_tokens) {
            (Some(most), Some(asked)) if asked > most => {
                let reason = format!("{asked} output tokens are asked for, and {most} are allowed");
                Err(Refusal { reason })
            }
            _ => Ok(()),
        }
    }

    fn on_model(&self, _caller: &Caller, model: &str) -> Result<(), Refusal> {
        if self.deny.iter().any(|pattern| matches(pattern, model)) {
            return Err(Refusal { reason: format!("model `{model}` is denied") });
        }
        let allowed = |allow: &Vec<String>| allow.iter().any(|pattern| matches(pattern, model));
        if self.allow.as_ref().is_none_or(allowed) {
            return Ok(());
        }
        Err(Refusal { reason: format!("model `{model}` is not among the allowed ones") })
    }

    async fn on_reply(&self, _reply: &ReplyView<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}
