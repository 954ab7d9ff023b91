//! The account of one call: what is held for it, what it turned out to cost, and the row that tells. It closes itself
//! when the call is given up, so that nothing is forgotten whoever stops listening.

use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_core::{Clock, Coded, Ids, Usd};
use codeflow_model::{
    ApiClientError, BilledTokens, ErrorKind, ModelEntry, Reach, Service, Terms, Usage, WireFormat,
};

use crate::call::{Call, Facts, StepCall};
use crate::route::Hop;
use crate::{
    Accounts, BudgetError, BudgetRule, CallLimits, CallStatus, Charge, GatewayObserver, Hold, Latency,
    Period, Scope, Subjects, UsageRow,
};

/// The tokens that a call is taken to write when it names no limit and the registry knows none.
const USUAL_OUTPUT: u64 = 4096;

/// Whoever has to know of a call.
pub(crate) struct Governors {
    pub(crate) accounts: Accounts,
    pub(crate) limits: Arc<dyn CallLimits>,
    pub(crate) observer: Arc<dyn GatewayObserver>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
}

/// The account of one call, open until the call is over.
pub(crate) struct Account {
    governors: Arc<Governors>,
    call: Call,
    facts: Facts,
    row: Option<UsageRow>,
    hold: Option<Hold>,
    entry: Option<Arc<ModelEntry>>,
    began: Instant,
    /// The part of the time that providers and waits took until the first token; none before anybody was asked.
    upstream: Option<Duration>,
    /// What the answer said of itself until now; none before its first token.
    heard: Option<Heard>,
    lost: Option<Lost>,
}

/// What an answer said of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    /// What the provider reported.
    usage: Usage,
    /// Tokens that seem to have come out, for a provider that reports none.
    tokens: u64,
}

/// Attempts whose answer never came, though the provider may have worked on it.
struct Lost {
    /// What they are taken to have cost; `None` when a model has no price.
    cost: Option<Usd>,
    /// The tokens they are taken to have used.
    tokens: u64,
}

/// What is known of a call before anybody is asked.
pub(crate) struct Opening<'a> {
    pub(crate) call: Call,
    pub(crate) facts: Facts,
    pub(crate) route: &'a Arc<str>,
    pub(crate) format: Option<WireFormat>,
    pub(crate) stream: bool,
    pub(crate) began: Instant,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub(crate) enum Ending<'a> {
    /// With a whole answer.
    Answered,
    /// With an earlier answer.
    Cached(Usage),
    /// It failed, before its first token or after.
    Failed(&'a ApiClientError),
    /// Nobody listens any more.
    Abandoned,
}

impl Account {
    /// Opens the account of a call that is about to be made. It is boxed, because it is handed on from future to future,
    /// each of which would copy it.
    pub(crate) fn open(governors: &Arc<Governors>, opening: Opening<'_>) -> Box<Self> {
        let Opening { call, facts, route, format, stream, began } = opening;
        let row = UsageRow {
            id: governors.ids.next(),
            at: governors.clock.now(),
            request: Arc::clone(&call.request_id),
            tenant: Arc::clone(&call.caller.tenant),
            user: call.caller.user.clone(),
            key: Arc::clone(&call.caller.key),
            execution: call.step.as_ref().map(|step| step.execution),
            step: call.step.as_ref().map(|step| step.path.as_str().into()),
            route: Arc::clone(route),
            provider: None,
            model: None,
            format,
            stream,
            status: CallStatus::Cancelled,
            attempts: 0,
            usage: Usage::default(),
            cost: None,
            estimated: false,
            latency: Latency::default(),
        };
        Box::new(Self {
            governors: Arc::clone(governors),
            call,
            facts,
            row: Some(row),
            hold: None,
            entry: None,
            began,
            upstream: None,
            heard: None,
            lost: None,
        })
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Reserves what an attempt at a model may cost. Until it is settled, it stays reserved.
    pub(crate) async fn reserve(&mut self, hop: &Hop) -> Result<(), BudgetError> {
        self.entry.clone_from(&hop.entry);
        let estimate = self.estimate().unwrap_or(Usd::ZERO);
        let step = self.call.step.as_ref();
        let subjects = Subjects { caller: &self.call.caller, execution: step.map(|step| step.execution) };
        let extra = step.and_then(StepCall::rule);
        self.hold = Some(self.governors.accounts.reserve(&subjects, extra.as_ref(), estimate).await?);
        if let Some(row) = &mut self.row {
            row.provider = Some(Arc::clone(&hop.provider));
            row.model = Some(Arc::clone(&hop.model));
            row.attempts += 1;
        }
        Ok(())
    }

    /// Settles an attempt that failed before its first token. One that the provider may have worked on is charged as
    /// estimated, for nobody will ever know.
    pub(crate) fn lose(&mut self, reach: Reach) {
        let Some(hold) = self.hold.take() else { return };
        match reach {
            Reach::NotSent | Reach::Refused => hold.settle(Charge::Nothing),
            Reach::Unknown => {
                hold.settle(Charge::Unknown);
                self.add_lost();
            }
        }
    }

    fn add_lost(&mut self) {
        let estimate = self.estimate();
        let before = self.lost.take().unwrap_or(Lost { cost: Some(Usd::ZERO), tokens: 0 });
        self.lost = Some(Lost {
            cost: before.cost.zip(estimate).map(|(before, more)| before + more),
            tokens: before.tokens.saturating_add(self.facts.reserved_tokens()),
        });
    }

    /// Notes how long providers and waits took.
    pub(crate) fn waited(&mut self, upstream: Duration) {
        self.upstream = Some(upstream);
    }

    /// Notes that the first token came.
    pub(crate) fn speak(&mut self) {
        let elapsed = self.began.elapsed();
        self.heard.get_or_insert_default();
        if let Some(row) = &mut self.row {
            row.latency.first_token_us.get_or_insert(micros(elapsed));
        }
    }

    /// Takes over what an answer says of itself: its usage, and how many more tokens seem to have come out.
    pub(crate) fn hear(&mut self, usage: Option<Usage>, tokens: u64) {
        let heard = self.heard.get_or_insert_default();
        heard.tokens = heard.tokens.saturating_add(tokens);
        if let Some(usage) = usage {
            heard.usage.update(usage);
        }
    }

    /// What was reported until now.
    pub(crate) fn usage(&self) -> Usage {
        self.heard.unwrap_or_default().usage
    }

    /// What an attempt at the model is expected to cost, where its prices are known.
    fn estimate(&self) -> Option<Usd> {
        let entry = self.entry.as_deref();
        let most = entry.and_then(|entry| entry.max_output);
        let output = self.facts.max_output_tokens.or(most.map(|most| most.min(USUAL_OUTPUT)));
        let tokens = BilledTokens {
            input: self.facts.input_tokens,
            output: output.unwrap_or(USUAL_OUTPUT).saturating_mul(self.facts.replies()),
            ..BilledTokens::default()
        };
        self.cost(&tokens)
    }

    fn cost(&self, tokens: &BilledTokens) -> Option<Usd> {
        let service = self.facts.tier.as_deref().map(Service::from).unwrap_or_default();
        let prices = self.entry.as_ref()?.prices.as_ref()?;
        // A tier that nobody has a price for costs at least what is usual.
        let terms = Terms { service, region: None };
        prices.cost(tokens, terms).or_else(|| prices.cost(tokens, Terms::default()))
    }

    /// Closes the account, and says what the call cost where that is known.
    pub(crate) fn close(mut self: Box<Self>, ending: Ending<'_>) -> Option<Usd> {
        self.settle(ending)
    }

    fn settle(&mut self, ending: Ending<'_>) -> Option<Usd> {
        let mut row = self.row.take()?;
        if self.heard.is_none() {
            // Whoever gave up while a provider was asked pays for what the provider may have made of it.
            self.lose(Reach::Unknown);
        }
        let used = self.used(ending);
        let lost = self.lost.as_ref().map_or(Some(Usd::ZERO), |lost| lost.cost);
        let cost = used.cost.zip(lost).map(|(own, lost)| own + lost);
        row.status = match ending {
            Ending::Answered => CallStatus::Succeeded,
            Ending::Cached(_) => CallStatus::Cached,
            Ending::Failed(error) => CallStatus::Failed(error.code().into()),
            Ending::Abandoned => CallStatus::Cancelled,
        };
        row.usage = used.usage;
        row.cost = cost;
        row.estimated = used.is_estimated || self.lost.is_some();
        row.latency.total_us = micros(self.began.elapsed());
        row.latency.upstream_us = self.upstream.map(micros);
        let estimated = self.facts.reserved_tokens();
        self.governors.limits.settle(&self.call.caller, &row.route, estimated, used.tokens);
        let outcome = match ending {
            Ending::Answered | Ending::Cached(_) => Ok(()),
            Ending::Failed(error) => Err(error.kind()),
            Ending::Abandoned => Err(ErrorKind::Cancelled),
        };
        self.governors.observer.finished(&row, outcome);
        let Some(hold) = self.hold.take() else {
            self.governors.accounts.record(row);
            return cost;
        };
        hold.settle_with(
            match used.cost {
                Some(cost) if used.is_estimated => Charge::Estimated(cost),
                Some(cost) => Charge::Exact(cost),
                None => Charge::Unknown,
            },
            row,
        );
        cost
    }

    /// What the answer alone used and cost. Attempts that were lost have been settled before.
    fn used(&self, ending: Ending<'_>) -> Used {
        let lost = self.lost.as_ref().map_or(0, |lost| lost.tokens);
        if self.hold.is_none() {
            let usage = match ending {
                // What the earlier answer used, for whoever wants to know what was saved.
                Ending::Cached(usage) => usage,
                Ending::Answered | Ending::Failed(_) | Ending::Abandoned => Usage::default(),
            };
            return Used { usage, is_estimated: false, cost: Some(Usd::ZERO), tokens: lost };
        }
        let heard = self.heard.unwrap_or_default();
        let is_whole = matches!(ending, Ending::Answered | Ending::Cached(_));
        let is_told = heard.usage.input.is_some() && heard.usage.output.is_some();
        let usage = if is_whole && is_told { heard.usage } else { self.completed(heard, is_whole) };
        let own = usage.input.unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
        Used {
            usage,
            is_estimated: !(is_whole && is_told),
            cost: BilledTokens::of(&usage).and_then(|tokens| self.cost(&tokens)),
            tokens: own.saturating_add(lost),
        }
    }

    /// A usage without gaps: what the provider did not say is estimated.
    fn completed(&self, heard: Heard, is_whole: bool) -> Usage {
        let output = match heard.usage.output {
            Some(told) if is_whole => told,
            // What a provider reports at the start of a stream is not yet what was written.
            Some(told) => told.max(heard.tokens),
            None => heard.tokens,
        };
        let input = heard.usage.input.or(Some(self.facts.input_tokens));
        Usage { input, output: Some(output), ..heard.usage }
    }
}

/// What an answer used.
struct Used {
    usage: Usage,
    is_estimated: bool,
    cost: Option<Usd>,
    /// What counts for limits, lost attempts included.
    tokens: u64,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.settle(Ending::Abandoned);
    }
}

impl StepCall {
    /// The budget of the execution, as a rule.
    fn rule(&self) -> Option<BudgetRule> {
        self.budget.map(|limit| BudgetRule {
            name: "workflow".into(),
            scope: Scope::Execution,
            subject: None,
            period: Period::Total,
            limit,
        })
    }
}

impl Facts {
    /// The tokens that are taken from a limit before a call.
    pub(crate) fn reserved_tokens(&self) -> u64 {
        let output = self.max_output_tokens.unwrap_or(0).saturating_mul(self.replies());
        self.input_tokens.saturating_add(output)
    }

    /// How many replies are asked for, each with a limit of its own.
    fn replies(&self) -> u64 {
        self.replies.unwrap_or(1).max(1)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
