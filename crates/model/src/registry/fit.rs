//! Makes a request fit a model: what the model is known to refuse is left out, or refused before anybody is asked.

use std::borrow::Cow;

use serde_json::json;

use super::Quirks;
use crate::{ApiClientError, ChatRequest, Details, ErrorKind, ResponseFormat, Role, ToolChoice};

/// Fields beside `temperature` and `top_p` that say how freely a model chooses its words.
const SAMPLING: [&str; 4] = ["top_k", "min_p", "frequency_penalty", "presence_penalty"];

impl Quirks {
    /// The request as the model takes it. Wishes that it cannot grant are left out; what would change the meaning of
    /// the reply is refused. What nobody said about a model is never held against it.
    ///
    /// # Errors
    ///
    /// `InvalidRequest` when the request begins the reply, forces a tool, or asks for a schema, and the model takes no
    /// such thing.
    pub fn fit<'a>(&self, request: &'a ChatRequest) -> Result<Cow<'a, ChatRequest>, ApiClientError> {
        if let Some(what) = self.refusal(request) {
            let text = format!("model `{}` does not take {what}", request.model);
            let details = Details { model: request.model.clone(), ..Details::default() };
            return Err(ApiClientError::new(ErrorKind::InvalidRequest, text).about(details));
        }
        let mut request = Cow::Borrowed(request);
        self.fit_sampling(&mut request);
        self.fit_thinking(&mut request);
        if self.strict_tools == Some(false) && request.tools.iter().any(|tool| tool.strict.is_some()) {
            request.to_mut().tools.iter_mut().for_each(|tool| tool.strict = None);
        }
        Ok(request)
    }

    fn refusal(&self, request: &ChatRequest) -> Option<&'static str> {
        let begins = request.messages.last().is_some_and(|message| message.role == Role::Assistant);
        let forces = matches!(request.tool_choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
        let has_schema = matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. }));
        match () {
            () if self.prefill == Some(false) && begins => Some("the beginning of its reply"),
            () if self.forced_tools == Some(false) && forces => Some("a call that it must make"),
            () if self.output_config == Some(false) && has_schema => Some("a schema for its reply"),
            () => None,
        }
    }

    fn fit_sampling(&self, request: &mut Cow<'_, ChatRequest>) {
        let has_any = request.temperature.is_some()
            || request.top_p.is_some()
            || SAMPLING.iter().any(|name| request.extra.contains_key(*name));
        if self.sampling == Some(false) && has_any {
            let request = request.to_mut();
            (request.temperature, request.top_p) = (None, None);
            request.extra.retain(|name, _| !SAMPLING.contains(&name.as_str()));
        }
    }

    /// An effort alone does not make a model think that decides by itself whether to: it has to be let.
    fn fit_thinking(&self, request: &mut Cow<'_, ChatRequest>) {
        let Some(effort) = request.reasoning_effort.as_deref() else { return };
        let is_off = effort == "none";
        let is_refused = self.efforts.get(effort) == Some(&false)
            || (is_off && self.thinking_always_on == Some(true))
            || (!is_off && self.output_config == Some(false));
        if is_refused {
            request.to_mut().reasoning_effort = None;
        } else if self.adaptive_thinking == Some(true) && !is_off && !request.extra.contains_key("thinking") {
            request.to_mut().extra.insert("thinking".to_owned(), json!({ "type": "adaptive" }));
        }
    }
}
