//! The walk through the models of a route: each attempt is reserved for, made, and settled before the next.

use std::borrow::Cow;
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
        replies: None,
        tier: request.extra.get("service_tier").and_then(|tier| tier.as_str()).map(str::to_owned),
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
        account.waited(evidence.upstream);
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

    async fn ask(&mut self, hop: &Hop) -> Tried<Answer> {
        self.evidence.provider = Arc::clone(&hop.provider);
        self.evidence.model = Arc::clone(&hop.model);
        let asked = self.admitted.asked;
        let named = match asked.ask(|raw| self.passes(hop, raw)) {
            Ok(ask) => ask.renamed(&hop.model),
            Err(error) => return Tried::Failed(error),
        };
        let fitted = match fit(hop, named.ask()) {
            Ok(fitted) => fitted,
            Err(error) => return Tried::Skipped(error),
        };
        let deadline = self.account.call().deadline;
        match in_time(deadline, self.account.reserve(hop)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Tried::Stopped(refused(hop, error)),
            None => return Tried::Failed(late(hop, Reach::NotSent)),
        }
        self.evidence.attempts += 1;
        let ask = fitted.as_ref().map_or(named.ask(), Fitted::ask);
        self.evidence.dropped = if matches!(ask, Ask::Forward(_)) { None } else { asked.dropped() };
        let outcome = in_time(deadline, hop.client.call(ask)).await;
        match outcome.unwrap_or_else(|| Err(late(hop, Reach::Unknown))) {
            Ok(answer) => Tried::Won(answer),
            Err(error) => {
                self.account.lose(error.details().reach);
                Tried::Failed(error)
            }
        }
    }

    /// Whether the bytes may be forwarded: same format, and no policy has to read what comes back.
    fn passes(&self, hop: &Hop, raw: &RawInbound) -> bool {
        hop.passes == Some(raw.request.format) && !self.inner.reads.reply
    }
}

impl Walker for Asking<'_> {
    type Won = Answer;

    async fn attempt(&mut self, step: Step) -> Tried<Answer> {
        self.ask(self.hop(step)).await
    }

    async fn pause(&mut self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }

    fn left(&self) -> Option<Duration> {
        let deadline = tokio::time::Instant::from(self.account.call().deadline?);
        Some(deadline.saturating_duration_since(tokio::time::Instant::now()))
    }

    /// Drawn from the request's own name and the number of the attempt, so that it can be told afterwards.
    fn draw(&mut self) -> f64 {
        let name = self.account.call().request_id.as_bytes();
        let begin = 0xcbf2_9ce4_8422_2325 ^ u64::from(self.evidence.attempts);
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.iter().fold(begin, mix);
        // The last bytes of the name reach only the low half of the product.
        let low = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default().wrapping_mul(0x9e37_79b9);
        f64::from(low) / f64::from(u32::MAX)
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

/// A budget is the same for every model, so nobody else is asked.
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

/// What comes of it before the deadline; nothing when that passes.
async fn in_time<T>(deadline: Option<Instant>, doing: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(doing.await),
        Some(deadline) => tokio::time::timeout_at(deadline.into(), doing).await.ok(),
    }
}

fn late(hop: &Hop, reach: Reach) -> ApiClientError {
    let text = format!("`{}` did not answer before the call's deadline", hop.key());
    let details = Details {
        provider: hop.provider.as_ref().to_owned(),
        model: hop.model.as_ref().to_owned(),
        reach,
        ..Details::default()
    };
    ApiClientError::new(ErrorKind::Timeout, text).about(details)
}

/// A request that had to be changed for its model.
enum Fitted {
    Complete(ChatRequest),
    Stream(ChatRequest),
}

impl Fitted {
    fn ask(&self) -> Ask<'_> {
        match self {
            Self::Complete(request) => Ask::Complete(request),
            Self::Stream(request) => Ask::Stream(request),
        }
    }
}

/// What the registry knows that a model refuses is left out. A request that is forwarded stays as it is: whoever speaks
/// a provider's own format knows what it takes.
fn fit(hop: &Hop, ask: Ask<'_>) -> Result<Option<Fitted>, ApiClientError> {
    let Some(entry) = &hop.entry else { return Ok(None) };
    let changed = |request| match entry.quirks.fit(request) {
        Ok(Cow::Owned(changed)) => Ok(Some(changed)),
        Ok(Cow::Borrowed(_)) => Ok(None),
        Err(error) => Err(error),
    };
    match ask {
        Ask::Complete(request) => Ok(changed(request)?.map(Fitted::Complete)),
        Ask::Stream(request) => Ok(changed(request)?.map(Fitted::Stream)),
        Ask::Forward(_) | Ask::Embed(_) => Ok(None),
    }
}
