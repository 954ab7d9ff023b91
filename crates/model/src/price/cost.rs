//! From tokens to money: whole numbers all the way, rounded up to a micro-dollar once per request.

use codeflow_core::Usd;

use crate::price::{Price, Prices, Rates};
use crate::response::Usage;

/// A million, and the unit of a [`Factor`](crate::Factor).
const MILLION: u128 = 1_000_000;

/// What one request used, each token counted in one place only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BilledTokens {
    /// The prompt without what was read from or written to the vendor's cache.
    pub input: u64,
    /// What was read from the cache.
    pub cache_read: u64,
    /// What was written to the cache for its usual time.
    pub cache_write: u64,
    /// What was written to the cache for an hour.
    pub cache_write_1h: u64,
    /// The answer without the reasoning.
    pub output: u64,
    /// The reasoning.
    pub reasoning: u64,
}

/// Under which conditions a request was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms<'t> {
    /// How it was served.
    pub service: Service<'t>,
    /// The region that processing was confined to, as the vendor names it.
    pub region: Option<&'t str>,
}

/// How a request was served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service<'t> {
    /// As usual.
    #[default]
    Standard,
    /// In a batch.
    Batch,
    /// In a service tier, by the vendor's name.
    Tier(&'t str),
}

impl<'t> From<&'t str> for Service<'t> {
    /// Reads the tier that an answer names. Vendors have several words for the usual one.
    fn from(name: &'t str) -> Self {
        match name {
            "" | "auto" | "default" | "standard" | "standard_only" | "on_demand" => Self::Standard,
            "batch" => Self::Batch,
            tier => Self::Tier(tier),
        }
    }
}

impl BilledTokens {
    /// Counts each token of a reported usage once; `None` when the report lacks the prompt or the answer. What
    /// it does not say about cache and reasoning was neither. Writes count as kept for the usual time, unless it says
    /// that they are kept for an hour.
    pub fn of(usage: &Usage) -> Option<Self> {
        let (input, output) = (usage.input?, usage.output?);
        let cache_read = usage.cache_read.unwrap_or(0).min(input);
        let cache_write = usage.cache_write.unwrap_or(0).min(input - cache_read);
        let cache_write_1h = usage.cache_write_1h.unwrap_or(0).min(cache_write);
        let reasoning = usage.reasoning.unwrap_or(0).min(output);
        Some(Self {
            input: input - cache_read - cache_write,
            cache_read,
            cache_write: cache_write - cache_write_1h,
            cache_write_1h,
            output: output - reasoning,
            reasoning,
        })
    }

    /// Everything that was sent, cached or not. This is what a long-context threshold is held against.
    pub fn prompt(&self) -> u64 {
        [self.cache_read, self.cache_write, self.cache_write_1h]
            .into_iter()
            .fold(self.input, u64::saturating_add)
    }
}

impl Prices {
    /// What a request costs, rounded up to a whole micro-dollar; `None` when a price that it needs is unknown.
    ///
    /// - A prompt that reaches the long-context threshold reprices the whole request.
    /// - Where a model has no price for cached tokens at all, they cost what the prompt costs; reasoning costs
    ///   what the answer costs. Where it has one, but not under these terms, the cost is unknown.
    /// - Long prompts under other terms than the standard ones have no stated price, so theirs is unknown.
    /// - A region without a factor costs what it costs elsewhere.
    pub fn cost(&self, tokens: &BilledTokens, terms: Terms<'_>) -> Option<Usd> {
        let rates = Applied { rates: self.rates(tokens.prompt(), terms.service)?, standard: &self.standard };
        let parts = [
            (tokens.input, rates.rates.input),
            (tokens.cache_read, rates.cache_read()),
            (tokens.cache_write, rates.cache_write()),
            (tokens.cache_write_1h, rates.cache_write_1h()),
            (tokens.output, rates.rates.output),
            (tokens.reasoning, rates.reasoning()),
        ];
        let mut total = 0_u128;
        for (count, price) in parts {
            if count > 0 {
                total = total.saturating_add(u128::from(count) * u128::from(price?.micros()));
            }
        }
        let factor = terms.region.and_then(|region| self.regions.get(region));
        let micros = match factor {
            Some(factor) => total.saturating_mul(u128::from(factor.millionths())).div_ceil(MILLION * MILLION),
            None => total.div_ceil(MILLION),
        };
        Some(Usd::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
    }

    /// The rates that hold for a prompt of this size under these terms.
    fn rates(&self, prompt: u64, service: Service<'_>) -> Option<&Rates> {
        let long = self.long.as_ref().filter(|long| prompt >= long.from_tokens);
        match (service, long) {
            (Service::Standard, None) => Some(&self.standard),
            (Service::Standard, Some(long)) => Some(&long.rates),
            (Service::Batch, None) => self.batch.as_ref(),
            (Service::Tier(name), None) => self.tiers.get(name),
            (Service::Batch | Service::Tier(_), Some(_)) => None,
        }
    }
}

/// Rates beside the standard ones, which tell whether an absent price means "the same as" or "unknown".
struct Applied<'p> {
    rates: &'p Rates,
    standard: &'p Rates,
}

impl Applied<'_> {
    fn cache_read(&self) -> Option<Price> {
        self.rates.cache_read.or_else(|| self.input_unless(self.standard.cache_read))
    }

    fn cache_write(&self) -> Option<Price> {
        self.rates.cache_write.or_else(|| self.input_unless(self.standard.cache_write))
    }

    fn cache_write_1h(&self) -> Option<Price> {
        let stated = self.standard.cache_write_1h.or(self.standard.cache_write);
        self.rates.cache_write_1h.or_else(|| self.input_unless(stated))
    }

    fn reasoning(&self) -> Option<Price> {
        match (self.rates.reasoning, self.standard.reasoning) {
            (None, Some(_)) => None,
            (None, None) => self.rates.output,
            (stated, _) => stated,
        }
    }

    /// The price of the prompt, unless a price of its own is stated elsewhere.
    fn input_unless(&self, stated: Option<Price>) -> Option<Price> {
        if stated.is_some() { None } else { self.rates.input }
    }
}
