//! The account of one call: what is held for it, what it turned out to cost, and the row that tells. It closes itself
//! when the call is given up, so that nothing is forgotten whoever stops listening.

use std::sync::Arc;
use std::time::Instant;

use codeflow_core::{Clock, Coded, Ids, Usd};
use codeflow_model::{
    ApiClientError, BilledTokens, ErrorKind, ModelEntry, Reach, Service, Terms, Usage, WireFormat,
};

use crate::call::{Call, Evidence, Facts, StepCall};
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
    /// What attempts cost whose answer never came.
    lost: Usd,
    has_lost: bool,
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
pub(crate) enum Ending<'a> {
    /// With a whole answer.
    Answered(Usage),
    /// With an earlier answer.
    Cached(Usage),
    /// It failed before the first token; what was held has been settled.
    Failed(&'a ApiClientError),
    /// A stream broke after its first token.
    Broken(&'a ApiClientError, Spoken),
    /// Nobody listens any more.
    Abandoned(Spoken),
}

/// What had been said when a stream ended before its time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spoken {
    /// What the provider had reported.
    pub(crate) usage: Usage,
    /// How many pieces held words. A piece is a token or a few.
    pub(crate) pieces: u64,
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
            lost: Usd::ZERO,
            has_lost: false,
        })
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Reserves what an attempt at a model may cost. Until it is settled, it stays reserved.
    pub(crate) async fn reserve(&mut self, hop: &Hop) -> Result<(), BudgetError> {
        self.entry.clone_from(&hop.entry);
        let estimate = self.estimate();
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
    pub(crate) fn lose(&mut self, error: &ApiClientError) {
        let estimate = self.estimate();
        let Some(hold) = self.hold.take() else { return };
        match error.details().reach {
            Reach::NotSent | Reach::Refused => hold.settle(Charge::Nothing),
            Reach::Unknown => {
                hold.settle(Charge::Unknown);
                self.lost += estimate;
                self.has_lost = true;
            }
        }
    }

    /// Notes that the first token came.
    pub(crate) fn speak(&mut self) {
        let elapsed = self.began.elapsed();
        if let Some(row) = &mut self.row {
            row.latency.first_token_us.get_or_insert(micros(elapsed));
        }
    }

    /// What the call is expected to cost at the model it is at.
    fn estimate(&self) -> Usd {
        let entry = self.entry.as_deref();
        let most = entry.and_then(|entry| entry.max_output);
        let output = self.facts.max_output_tokens.or(most.map(|most| most.min(USUAL_OUTPUT)));
        let tokens = BilledTokens {
            input: self.facts.input_tokens,
            output: output.unwrap_or(USUAL_OUTPUT),
            ..BilledTokens::default()
        };
        self.cost(&tokens).unwrap_or(Usd::ZERO)
    }

    fn cost(&self, tokens: &BilledTokens) -> Option<Usd> {
        let service = self.facts.tier.as_deref().map(Service::from).unwrap_or_default();
        let prices = self.entry.as_ref()?.prices.as_ref()?;
        // A tier that nobody has a price for costs at least what is usual.
        let terms = Terms { service, region: None };
        prices.cost(tokens, terms).or_else(|| prices.cost(tokens, Terms::default()))
    }

    /// Closes the account, and says what the call cost where that is known.
    pub(crate) fn close(mut self: Box<Self>, ending: &Ending<'_>, evidence: &Evidence) -> Option<Usd> {
        self.settle(ending, Some(evidence))
    }

    fn settle(&mut self, ending: &Ending<'_>, evidence: Option<&Evidence>) -> Option<Usd> {
        let mut row = self.row.take()?;
        let (usage, is_estimated) = self.used(ending);
        let own = self.own_cost(ending, &usage);
        let cost = own.map(|own| own + self.lost);
        row.status = match ending {
            Ending::Answered(_) => CallStatus::Succeeded,
            Ending::Cached(_) => CallStatus::Cached,
            Ending::Failed(error) | Ending::Broken(error, _) => CallStatus::Failed(error.code().into()),
            Ending::Abandoned(_) => CallStatus::Cancelled,
        };
        row.usage = usage;
        row.cost = cost;
        row.estimated = is_estimated || self.has_lost;
        row.latency.total_us = micros(self.began.elapsed());
        row.latency.upstream_us = evidence.map(|evidence| micros(evidence.upstream));
        let used = usage.input.unwrap_or(0).saturating_add(usage.output.unwrap_or(0));
        let caller = &self.call.caller;
        self.governors.limits.settle(caller, &row.route, self.facts.reserved_tokens(), used);
        let outcome = match ending {
            Ending::Answered(_) | Ending::Cached(_) => Ok(()),
            Ending::Failed(error) | Ending::Broken(error, _) => Err(error.kind()),
            Ending::Abandoned(_) => Err(ErrorKind::Cancelled),
        };
        self.governors.observer.finished(&row, outcome);
        match (self.hold.take(), own, is_estimated) {
            (None, _, _) => self.governors.accounts.record(row),
            (Some(hold), Some(cost), false) => hold.settle_with(Charge::Exact(cost), row),
            (Some(hold), Some(cost), true) => hold.settle_with(Charge::Estimated(cost), row),
            (Some(hold), None, _) => hold.settle_with(Charge::Unknown, row),
        }
        cost
    }

    /// What was used, and whether that is an estimate.
    fn used(&self, ending: &Ending<'_>) -> (Usage, bool) {
        match ending {
            Ending::Answered(usage) if usage.input.is_some() && usage.output.is_some() => (*usage, false),
            Ending::Answered(usage) => (self.completed(*usage, None), true),
            Ending::Cached(usage) => (*usage, false),
            Ending::Failed(_) => (Usage::default(), false),
            Ending::Broken(_, spoken) | Ending::Abandoned(spoken) if self.hold.is_some() => {
                (self.completed(spoken.usage, Some(spoken.pieces)), true)
            }
            Ending::Broken(..) | Ending::Abandoned(_) => (Usage::default(), false),
        }
    }

    /// A usage without gaps: what the provider did not say is estimated.
    fn completed(&self, usage: Usage, pieces: Option<u64>) -> Usage {
        let output = match (usage.output, pieces) {
            // What a provider reports at the start of a stream is not yet what was written.
            (Some(told), Some(pieces)) => told.max(pieces),
            (Some(told), None) => told,
            (None, Some(pieces)) => pieces,
            (None, None) => self.facts.max_output_tokens.unwrap_or(USUAL_OUTPUT),
        };
        Usage { input: usage.input.or(Some(self.facts.input_tokens)), output: Some(output), ..usage }
    }

    /// What the answer alone cost, where that can be said.
    fn own_cost(&self, ending: &Ending<'_>, usage: &Usage) -> Option<Usd> {
        match ending {
            Ending::Cached(_) | Ending::Failed(_) => Some(Usd::ZERO),
            Ending::Answered(_) | Ending::Broken(..) | Ending::Abandoned(_) => {
                BilledTokens::of(usage).and_then(|tokens| self.cost(&tokens))
            }
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if self.row.is_some() {
            self.settle(&Ending::Abandoned(Spoken::default()), None);
        }
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
        self.input_tokens.saturating_add(self.max_output_tokens.unwrap_or(0))
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
