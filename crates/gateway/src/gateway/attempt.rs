//! The walk through the models of a route: each attempt is reserved for, made, and settled before the next.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use codeflow_core::Coded;
use codeflow_model::{
    Answer, ApiClientError, Ask, ChatRequest, Details, EmbedInput, EmbedRequest, ErrorKind, Missed, Next,
    Part, Reach, ResponseFormat, Step, Tried, Walker, WireFormat, walk,
};

use super::Inner;
use crate::BudgetError;
use crate::account::Account;
use crate::call::{Decoded, Evidence, Facts, Inbound, RawInbound};
use crate::route::{Hop, Route};

/// A request, and its other form once somebody needed it.
pub(super) struct Asked {
    inbound: Inbound,
    decoded: OnceLock<Box<Decoded>>,
}

impl Asked {
    pub(super) fn new(inbound: Inbound) -> Self {
        Self { inbound, decoded: OnceLock::new() }
    }

    pub(super) fn raw(&self) -> Option<&RawInbound> {
        match &self.inbound {
            Inbound::Raw(raw) => Some(raw),
            Inbound::Chat { .. } | Inbound::Embed(_) => None,
        }
    }

    /// The conversation as a value; none when vectors are asked for.
    pub(super) fn chat(&self) -> Result<Option<&ChatRequest>, ApiClientError> {
        match &self.inbound {
            Inbound::Embed(_) => Ok(None),
            Inbound::Chat { request, .. } => Ok(Some(request)),
            Inbound::Raw(raw) => match self.decoded.get() {
                Some(decoded) => Ok(Some(&decoded.request)),
                None => {
                    let decoded = Box::new((raw.decode)(&raw.request)?);
                    Ok(Some(&self.decoded.get_or_init(|| decoded).request))
                }
            },
        }
    }

    /// What is lost of the request when it is not handed on as it is.
    fn dropped(&self) -> Option<String> {
        self.decoded.get().and_then(|decoded| decoded.dropped.clone())
    }

    /// What to ask: the bytes as they came, if they pass, or what they mean.
    fn ask(&self, passes: impl Fn(&RawInbound) -> bool) -> Result<Ask<'_>, ApiClientError> {
        match &self.inbound {
            Inbound::Embed(request) => return Ok(Ask::Embed(request)),
            Inbound::Raw(raw) if !raw.facts.marked && passes(raw) => return Ok(Ask::Forward(&raw.request)),
            Inbound::Raw(_) | Inbound::Chat { .. } => {}
        }
        let Some(request) = self.chat()? else {
            let text = "neither a conversation nor vectors are asked for";
            return Err(ApiClientError::new(ErrorKind::Internal, text));
        };
        Ok(if self.is_stream() { Ask::Stream(request) } else { Ask::Complete(request) })
    }

    pub(super) fn model(&self) -> &str {
        self.inbound.model()
    }

    pub(super) fn format(&self) -> Option<WireFormat> {
        self.raw().map(|raw| raw.request.format)
    }

    pub(super) fn is_stream(&self) -> bool {
        match &self.inbound {
            Inbound::Raw(raw) => raw.request.stream,
            Inbound::Chat { stream, .. } => *stream,
            Inbound::Embed(_) => false,
        }
    }

    pub(super) fn facts(&self) -> Facts {
        match &self.inbound {
            Inbound::Raw(raw) => raw.facts.clone(),
            Inbound::Chat { request, .. } => facts_of(request),
            Inbound::Embed(request) => facts_of_embedding(request),
        }
    }
}

fn facts_of_embedding(request: &EmbedRequest) -> Facts {
    let tokens = request.input.iter().map(|input| match input {
        EmbedInput::Text(text) => codeflow_model::estimate_bytes(text.len()),
        EmbedInput::Tokens(tokens) => tokens.len() as u64,
    });
    Facts { input_tokens: tokens.sum(), max_output_tokens: Some(0), ..Facts::default() }
}

fn facts_of(request: &ChatRequest) -> Facts {
    let has_image = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::Image(_)));
    Facts {
        input_tokens: codeflow_model::estimate_tokens(request),
        max_output_tokens: request.max_output_tokens,
        tools: !request.tools.is_empty(),
        images: request.messages.iter().any(|message| has_image(&message.parts)),
        json_schema: matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. })),
        marked: false,
        tier: None,
    }
}

impl Inner {
    /// Asks until somebody answers, nobody is left, or the time is up.
    pub(super) async fn walk(
        &self,
        admitted: Admitted<'_>,
        account: &mut Account,
        evidence: &mut Evidence,
    ) -> Result<Answer, ApiClientError> {
        let began = Instant::now();
        let mut asking = Asking { inner: self, admitted, account, evidence };
        let outcome = walk(admitted.order.len(), self.repeat, &mut asking).await;
        evidence.upstream = began.elapsed();
        match outcome {
            Ok(arrived) => Ok(arrived.won),
            Err(lost) => Err(lost.error),
        }
    }
}

/// What is asked, and of whom.
#[derive(Clone, Copy)]
pub(super) struct Admitted<'a> {
    pub(super) route: &'a Route,
    pub(super) order: &'a [usize],
    pub(super) asked: &'a Asked,
}

/// One walk.
struct Asking<'a> {
    inner: &'a Inner,
    admitted: Admitted<'a>,
    account: &'a mut Account,
    evidence: &'a mut Evidence,
}

impl<'a> Asking<'a> {
    fn hop(&self, step: Step) -> &'a Hop {
        &self.admitted.route.hops[self.admitted.order[step.hop]]
    }

    async fn ask(&mut self, hop: &Hop) -> Result<Answer, ApiClientError> {
        self.evidence.provider = Arc::clone(&hop.provider);
        self.evidence.model = Arc::clone(&hop.model);
        self.account.reserve(hop).await.map_err(|error| refused(hop, error))?;
        self.evidence.attempts += 1;
        let asked = self.admitted.asked;
        let ask = asked.ask(|raw| self.passes(hop, raw))?;
        self.evidence.dropped = if matches!(ask, Ask::Forward(_)) { None } else { asked.dropped() };
        let ask = ask.renamed(&hop.model);
        in_time(hop, self.account.call().deadline, hop.client.call(ask.ask())).await
    }

    /// Whether the bytes may be forwarded: same format, and no policy has to read what comes back.
    fn passes(&self, hop: &Hop, raw: &RawInbound) -> bool {
        hop.passes == Some(raw.request.format) && !self.inner.reads.reply
    }
}

impl Walker for Asking<'_> {
    type Won = Answer;

    async fn attempt(&mut self, step: Step) -> Tried<Answer> {
        let hop = self.hop(step);
        match self.ask(hop).await {
            Ok(answer) => Tried::Won(answer),
            Err(error) => {
                self.account.lose(&error);
                Tried::Failed(error)
            }
        }
    }

    async fn pause(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn left(&self) -> Option<Duration> {
        let deadline = self.account.call().deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Drawn from the request's own name, so that it can be told afterwards.
    fn draw(&mut self) -> f64 {
        let name = self.account.call().request_id.as_bytes();
        let seed = name.iter().fold(0_u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        f64::from(seed) / f64::from(u32::MAX)
    }

    fn missed(&mut self, missed: &Missed, next: Next) {
        let hop = self.hop(missed.step);
        self.evidence.trail.push(format!("{}: {}", hop.key(), missed.error.code()));
        let observer = &self.inner.governors.observer;
        match next {
            Next::Again(_) => observer.repeated(&hop.provider, &hop.model, &missed.error),
            Next::Fallback => observer.fell_back(&hop.provider, &hop.model, &missed.error),
            Next::GiveUp => {}
        }
    }
}

/// A budget that is used up is so for every model, so nobody else is asked.
fn refused(hop: &Hop, error: BudgetError) -> ApiClientError {
    let kind = match &error {
        BudgetError::Exceeded { .. } => ErrorKind::BudgetExceeded,
        // No provider is at fault, and it may be different in a moment.
        BudgetError::Unavailable => ErrorKind::Overloaded,
    };
    let details = Details {
        provider: hop.provider.as_ref().to_owned(),
        model: hop.model.as_ref().to_owned(),
        ..Details::default()
    };
    ApiClientError::new(kind, error.to_string()).about(details).because(error)
}

async fn in_time(
    hop: &Hop,
    deadline: Option<Instant>,
    asking: impl Future<Output = Result<Answer, ApiClientError>>,
) -> Result<Answer, ApiClientError> {
    let Some(deadline) = deadline else { return asking.await };
    let left = deadline.saturating_duration_since(Instant::now());
    match tokio::time::timeout(left.max(Duration::from_millis(1)), asking).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let text = format!("`{}` did not answer before the call's deadline", hop.key());
            let details = Details {
                provider: hop.provider.as_ref().to_owned(),
                model: hop.model.as_ref().to_owned(),
                reach: Reach::Unknown,
                ..Details::default()
            };
            Err(ApiClientError::new(ErrorKind::Timeout, text).about(details))
        }
    }
}
