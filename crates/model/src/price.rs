//! Prices as data: exact decimals per million tokens. How a cost is computed from them is in `cost`.

mod cost;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use codeflow_core::{InvalidUsd, Usd};
use serde::{Deserialize, Serialize};

pub use cost::{BilledTokens, Service, Terms};

/// What a million tokens cost, in whole micro-dollars. Never made by arithmetic on floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawDecimal", into = "String")]
pub struct Price(Usd);

/// A factor on a price, in whole millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawDecimal", into = "String")]
pub struct Factor(Usd);

/// What each kind of token costs. An absent price is unknown, never zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// A token of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    /// A token of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
    /// A token of the prompt that the vendor's cache knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Price>,
    /// A token of the prompt that the cache keeps for its usual time, five minutes with Anthropic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Price>,
    /// A token of the prompt that the cache keeps for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Price>,
    /// A token of the reasoning before the answer, where it differs from one of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Price>,
}

/// Rates for long prompts. They hold for the whole request, not only for what is over the threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContext {
    /// The size of the smallest prompt they hold for, cached tokens included.
    pub from_tokens: u64,
    /// The rates.
    #[serde(flatten)]
    pub rates: Rates,
}

/// Everything that is known about what a model costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The standard rates.
    #[serde(flatten)]
    pub standard: Rates,
    /// The standard rates for long prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long: Option<LongContext>,
    /// The rates of batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Rates>,
    /// The rates of service tiers such as `flex` and `priority`, by the vendor's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Rates>,
    /// What processing in a named region multiplies the cost by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub regions: BTreeMap<String, Factor>,
}

/// A decimal as a document may write it. Text is exact; a number is read by its shortest form, which is what
/// somebody typed.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a decimal such as 0.40")]
enum RawDecimal {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl Price {
    /// Wraps whole micro-dollars for a million tokens.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Usd::from_micros(micros))
    }

    /// Micro-dollars for a million tokens.
    pub const fn micros(self) -> u64 {
        self.0.micros()
    }
}

impl Factor {
    /// The factor in millionths.
    pub const fn millionths(self) -> u64 {
        self.0.micros()
    }
}

impl TryFrom<RawDecimal> for Usd {
    type Error = InvalidUsd;

    fn try_from(raw: RawDecimal) -> Result<Self, InvalidUsd> {
        match raw {
            RawDecimal::Whole(whole) => whole.to_string().parse(),
            RawDecimal::Number(number) => number.to_string().parse(),
            RawDecimal::Text(text) => text.parse(),
        }
    }
}

impl TryFrom<RawDecimal> for Price {
    type Error = InvalidUsd;

    fn try_from(raw: RawDecimal) -> Result<Self, InvalidUsd> {
        Usd::try_from(raw).map(Self)
    }
}

impl TryFrom<RawDecimal> for Factor {
    type Error = InvalidUsd;

    fn try_from(raw: RawDecimal) -> Result<Self, InvalidUsd> {
        Usd::try_from(raw).map(Self)
    }
}

impl FromStr for Price {
    type Err = InvalidUsd;

    fn from_str(text: &str) -> Result<Self, InvalidUsd> {
        text.parse().map(Self)
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        decimal(price.micros())
    }
}

impl From<Factor> for String {
    fn from(factor: Factor) -> Self {
        decimal(factor.millionths())
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        f.write_str(&decimal(self.micros()))
    }
}

/// Millionths as a decimal without idle zeros.
fn decimal(millionths: u64) -> String {
    let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
