//! One governed call from its name to its answer: route, policy, limits, cache, and the walk through the models that may
//! answer, each attempt with its own reservation.

mod attempt;
mod review;
mod streams;

use std::sync::Arc;
use std::time::Instant;

use codeflow_core::{Clock, Ids};
use codeflow_model::{ApiClientError, ErrorKind, ModelFeature, RawRequest, Repeat};

use crate::account::{Account, Ending, Governors, Opening};
use crate::cache::{CacheKey, CachedReply, ResponseCache};
use crate::call::{Call, Evidence, Facts, Failed, Inbound, RawInbound, Reply, ReplyBody};
use crate::route::{Needs, Ranking, Route, Routes};
use crate::{Accounts, CallLimits, GatewayObserver, Limited, ModelSource, Policy, Reads};
use attempt::Asked;

/// Everything that a gateway is made of.
pub struct Parts {
    /// The names that can be asked for.
    pub routes: Routes,
    /// Where models come from.
    pub source: Arc<dyn ModelSource>,
    /// What may be spent, and where calls are written down.
    pub accounts: Accounts,
    /// What may be asked in a minute.
    pub limits: Arc<dyn CallLimits>,
    /// Earlier answers; none when the cache is off.
    pub cache: Option<Arc<dyn ResponseCache>>,
    /// The rules over requests and replies, in order.
    pub policies: Vec<Arc<dyn Policy>>,
    /// How often one model is asked.
    pub repeat: Repeat,
    /// Who is told what happens.
    pub observer: Arc<dyn GatewayObserver>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names for rows.
    pub ids: Arc<dyn Ids>,
}

/// Governed model calls. A clone is the same gateway.
#[derive(Clone)]
pub struct Gateway {
    inner: Arc<Inner>,
}

struct Inner {
    routes: Routes,
    source: Arc<dyn ModelSource>,
    cache: Option<Arc<dyn ResponseCache>>,
    policies: Vec<Arc<dyn Policy>>,
    reads: Reads,
    repeat: Repeat,
    governors: Arc<Governors>,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let reads = parts.policies.iter().fold(Reads::default(), |reads, policy| {
            let more = policy.reads();
            Reads { request: reads.request || more.request, reply: reads.reply || more.reply }
        });
        let governors = Governors {
            accounts: parts.accounts,
            limits: parts.limits,
            observer: parts.observer,
            clock: parts.clock,
            ids: parts.ids,
        };
        let inner = Inner {
            routes: parts.routes,
            source: parts.source,
            cache: parts.cache,
            policies: parts.policies,
            reads,
            repeat: parts.repeat,
            governors: Arc::new(governors),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The names that can be asked for.
    pub fn routes(&self) -> &Routes {
        &self.inner.routes
    }

    /// Answers a call.
    ///
    /// Dropping the future, or the stream in the reply, cancels the call to the provider; what it had cost until then
    /// is still accounted for.
    ///
    /// Every call that may be made leaves one row, however it ends. One that is refused before that, by an unknown
    /// name, a policy or a limit, leaves none: it cost nothing, and a caller who is refused a thousand times a second
    /// must not fill storage. [`GatewayObserver::refused`] counts it.
    ///
    /// # Errors
    ///
    /// Any kind but `Cancelled`, and how it came to that.
    pub async fn ask(&self, call: Call, inbound: Inbound) -> Result<Reply, Failed> {
        let began = Instant::now();
        let mut evidence = Evidence::new(inbound.model().into());
        match self.inner.admit(call, inbound, began, &mut evidence).await {
            Ok(admitted) => self.inner.answer(admitted, evidence).await,
            Err(error) => {
                self.inner.governors.observer.refused(error.kind());
                Err(Failed { error, evidence })
            }
        }
    }
}

/// A call that may be made.
struct Admitted {
    asked: Asked,
    route: Arc<Route>,
    order: Vec<usize>,
    account: Box<Account>,
}

impl Inner {
    /// Everything that can refuse a call before anybody is asked.
    async fn admit(
        &self,
        call: Call,
        inbound: Inbound,
        began: Instant,
        evidence: &mut Evidence,
    ) -> Result<Admitted, ApiClientError> {
        let route = self.routes.find(inbound.model())?;
        evidence.route = Arc::clone(&route.name);
        let mut asked = Asked::new(inbound);
        self.check_request(&call, &mut asked).await?;
        let facts = asked.facts();
        let mut order = self.order(&route, &facts, evidence)?;
        if !self.policies.is_empty() {
            self.check_models(&call, &route, &mut order, evidence)?;
        }
        let (limits, tokens) = (&self.governors.limits, facts.reserved_tokens());
        let admitted = match limits.admit_together(&call.caller, &route.name, tokens) {
            None => limits.admit(&call.caller, &route.name, tokens),
            Some(asking) => asking.await,
        };
        admitted.map_err(limited)?;
        let opening = Opening {
            call,
            facts,
            route: &route.name,
            format: asked.format(),
            stream: asked.is_stream(),
            began,
        };
        let account = Account::open(&self.governors, opening);
        Ok(Admitted { asked, route, order, account })
    }

    /// The models to ask, by their places; those that lack something are passed over.
    fn order(
        &self,
        route: &Route,
        facts: &Facts,
        evidence: &mut Evidence,
    ) -> Result<Vec<usize>, ApiClientError> {
        if route.hops.len() == 1 && route.require.is_nothing() {
            return Ok(vec![0]);
        }
        let (can, cannot): (Vec<Ranking>, Vec<Ranking>) = route
            .order(&facts.needs(), &*self.source)
            .into_iter()
            .partition(|ranking| ranking.lack.as_ref().is_none_or(crate::route::Lack::passes));
        // A model with a lack that may be asked all the same has been passed over only if another one comes before it.
        let has_better = can.first().is_some_and(|first| first.lack.is_none());
        let behind = can.iter().filter(|_| has_better);
        for ranking in behind.chain(&cannot) {
            if let Some(lack) = &ranking.lack {
                evidence.trail.push(format!("{}: {lack}", route.hops[ranking.place].key()));
            }
        }
        if can.is_empty() {
            let text = format!("no model of `{}` can do this: {}", route.name, evidence.trail.join("; "));
            return Err(ApiClientError::new(ErrorKind::ModelNotAvailable, text));
        }
        Ok(can.into_iter().map(|ranking| ranking.place).collect())
    }

    /// Answers from the cache, or asks.
    async fn answer(&self, admitted: Admitted, mut evidence: Evidence) -> Result<Reply, Failed> {
        let key = self.cache_key(&admitted);
        if let Some((cache, key)) = self.cache.as_ref().zip(key) {
            let earlier = cache.find(&key).await;
            self.governors.observer.looked_up(earlier.is_some());
            if let Some(earlier) = earlier {
                return Ok(earlier_reply(admitted, evidence, &earlier));
            }
        }
        let Admitted { asked, route, order, mut account } = admitted;
        let walked = attempt::Admitted { route: &route, order: &order, asked: &asked };
        match self.walk(walked, &mut account, &mut evidence).await {
            Ok(answer) => {
                let keeper = self
                    .cache
                    .as_ref()
                    .zip(key)
                    .map(|(cache, key)| streams::Keeper::new(Arc::clone(cache), key, asked.is_stream()));
                self.deliver(answer, streams::Delivery { account, evidence, keeper }).await
            }
            Err(error) => {
                evidence.cost = account.close(Ending::Failed(&error));
                Err(Failed { error, evidence })
            }
        }
    }

    /// The key of an earlier answer. Only what is forwarded as it is can be kept as it is.
    fn cache_key(&self, admitted: &Admitted) -> Option<CacheKey> {
        self.cache.as_ref()?;
        let first = admitted.route.hops.get(*admitted.order.first()?)?;
        let raw = admitted.asked.raw().filter(|raw| first.passes == Some(raw.request.format))?;
        let call = admitted.account.call();
        let may = call.use_cache && !self.reads.reply;
        may.then(|| CacheKey::of(&call.caller.tenant, &first.provider, &first.model, &raw.request))
    }
}

fn earlier_reply(admitted: Admitted, mut evidence: Evidence, earlier: &CachedReply) -> Reply {
    if let Some(hop) = admitted.order.first().and_then(|place| admitted.route.hops.get(*place)) {
        evidence.provider = Arc::clone(&hop.provider);
        evidence.model = Arc::clone(&hop.model);
    }
    evidence.cached = true;
    evidence.cost = admitted.account.close(Ending::Cached(earlier.usage));
    let body = if earlier.stream {
        ReplyBody::RawStream(streams::at_once(earlier.body.clone()))
    } else {
        ReplyBody::Raw(earlier.body.clone())
    };
    Reply { body, evidence }
}

impl Facts {
    /// What a model has to be able to do.
    fn needs(&self) -> Needs {
        let features = [
            (self.tools, ModelFeature::Tools),
            (self.images, ModelFeature::Vision),
            (self.json_schema, ModelFeature::JsonSchema),
        ];
        Needs {
            features: features.into_iter().filter_map(|(needed, it)| needed.then_some(it)).collect(),
            input_tokens: self.input_tokens,
            output_tokens: self.max_output_tokens,
            ..Needs::default()
        }
    }
}

impl Inbound {
    /// The name that is asked for.
    pub fn model(&self) -> &str {
        match self {
            Self::Raw(RawInbound { request: RawRequest { model, .. }, .. }) => model,
            Self::Chat { request, .. } => &request.model,
            Self::Embed(request) => &request.model,
        }
    }
}

fn limited(limited: Limited) -> ApiClientError {
    let details =
        codeflow_model::Details { retry_after: limited.retry_after, ..codeflow_model::Details::default() };
    ApiClientError::new(ErrorKind::RateLimited, limited.reason).about(details)
}
