//! What seems odd in the data: mistakes that a price list makes and a program would believe.

use std::collections::HashMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::price::{Price, Prices, Rates};
use crate::registry::{ModelEntry, ModelKind, Registry};

/// Prices of related models that differ by this factor are hardly both right.
const JUMP: u64 = 10;

/// A kind of oddity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lint {
    /// A prompt or an answer costs nothing.
    ZeroPrice,
    /// A model that is served has no price for prompts or answers.
    NoPrice,
    /// An answer costs less than a prompt, or a cached prompt more than a new one.
    SwappedPrices,
    /// A long prompt costs less per token than a short one.
    CheaperLongPrompt,
    /// Prices of the same or the next model differ tenfold.
    Tenfold,
    /// A model that is served has no limit for prompts.
    NoContext,
    /// The answer may be longer than the prompt.
    SwappedLimits,
    /// The answer may be exactly as long as the prompt, so one of the limits is probably a guess.
    EqualLimits,
    /// The day on which the model ends has passed, and nobody marked it as retired.
    PastDeprecation,
    /// A model that ends, or has ended, names no successor.
    NoSuccessor,
    /// The successor is not in the registry, or has ended itself.
    BadSuccessor,
    /// An excuse for something that is not the case.
    IdleExcuse,
}

/// Something odd about one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The kind of oddity.
    pub lint: Lint,
    /// The entry, as `provider/id`.
    pub model: String,
    /// What is odd.
    pub message: String,
    /// Why it is right all the same, as the entry says.
    pub excuse: Option<String>,
}

impl Lint {
    /// The name under which an entry excuses it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroPrice => "zero_price",
            Self::NoPrice => "no_price",
            Self::SwappedPrices => "swapped_prices",
            Self::CheaperLongPrompt => "cheaper_long_prompt",
            Self::Tenfold => "tenfold",
            Self::NoContext => "no_context",
            Self::SwappedLimits => "swapped_limits",
            Self::EqualLimits => "equal_limits",
            Self::PastDeprecation => "past_deprecation",
            Self::NoSuccessor => "no_successor",
            Self::BadSuccessor => "bad_successor",
            Self::IdleExcuse => "idle_excuse",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.model, self.message, self.lint.name())
    }
}

type Odd = (Lint, String);

pub(super) fn all(registry: &Registry, today: NaiveDate) -> Vec<Finding> {
    let mut relatives: HashMap<&str, Vec<&ModelEntry>> = HashMap::new();
    for entry in registry.entries() {
        relatives.entry(family(&entry.id)).or_default().push(entry);
    }
    let mut findings = Vec::new();
    for entry in registry.entries() {
        let mut odd = Vec::new();
        limits(entry, &mut odd);
        prices(entry, &mut odd);
        lifetime(registry, entry, today, &mut odd);
        let siblings = relatives.get(family(&entry.id)).into_iter().flatten().copied();
        let related = siblings.chain(registry.successor(entry).map(AsRef::as_ref));
        odd.extend(related.filter_map(|other| jump(entry, other)).take(1));
        excuses(entry, &mut odd);
        findings.extend(odd.into_iter().map(|(lint, message)| Finding {
            lint,
            model: entry.key(),
            message,
            excuse: entry.excused.get(&lint).cloned(),
        }));
    }
    findings
}

fn limits(entry: &ModelEntry, odd: &mut Vec<Odd>) {
    match (entry.context, entry.max_output) {
        (None, _) if !entry.retired => odd.push((Lint::NoContext, "it has no limit for prompts".into())),
        (Some(context), Some(output)) if output > context => {
            odd.push((Lint::SwappedLimits, format!("it answers {output} tokens to at most {context}")));
        }
        (Some(context), Some(output)) if output == context => {
            odd.push((Lint::EqualLimits, format!("prompts and answers have the same limit, {output}")));
        }
        _ => {}
    }
}

fn prices(entry: &ModelEntry, odd: &mut Vec<Odd>) {
    let nothing = Prices::default();
    let prices = entry.prices.as_ref().unwrap_or(&nothing);
    let Rates { input, output, cache_read, .. } = prices.standard;
    let output_needed = entry.kind != ModelKind::Embedding;
    if !entry.retired && (input.is_none() || output.is_none() && output_needed) {
        odd.push((Lint::NoPrice, "it has no price for prompts or for answers".into()));
    }
    let zero = Some(Price::from_micros(0));
    if input == zero || output == zero {
        odd.push((Lint::ZeroPrice, "a prompt or an answer costs nothing".into()));
    }
    if output_needed && output.is_some() && output < input {
        odd.push((Lint::SwappedPrices, "an answer costs less than a prompt".into()));
    }
    if input.is_some() && cache_read > input {
        odd.push((Lint::SwappedPrices, "a cached prompt costs more than a new one".into()));
    }
    if let Some(long) = &prices.long
        && pairs(&long.rates, &prices.standard).any(|(long, short)| long < short)
    {
        odd.push((Lint::CheaperLongPrompt, "a long prompt costs less per token than a short one".into()));
    }
}

fn lifetime(registry: &Registry, entry: &ModelEntry, today: NaiveDate, odd: &mut Vec<Odd>) {
    if !entry.retired && !entry.is_served(today) {
        odd.push((Lint::PastDeprecation, "the day on which it ends has passed".into()));
    }
    let ends = entry.retired || entry.deprecated.is_some();
    match (&entry.successor, registry.successor(entry)) {
        (None, _) if ends => odd.push((Lint::NoSuccessor, "it ends, and names no successor".into())),
        (Some(name), None) => {
            odd.push((Lint::BadSuccessor, format!("its successor `{name}` is not in the registry")));
        }
        (Some(name), Some(successor)) if !successor.is_served(today) => {
            odd.push((Lint::BadSuccessor, format!("its successor `{name}` has ended as well")));
        }
        _ => {}
    }
}

/// Tells when a price is ten times that of a relative, once for each pair: beside the dearer one.
fn jump(entry: &ModelEntry, other: &ModelEntry) -> Option<Odd> {
    let (ours, theirs) = (entry.prices.as_ref()?, other.prices.as_ref()?);
    let is_far = |(a, b): (Price, Price)| {
        b.micros() > 0 && a.micros() >= b.micros().saturating_mul(JUMP)
            || entry.successor.is_some() && a.micros() > 0 && b.micros() >= a.micros().saturating_mul(JUMP)
    };
    pairs(&ours.standard, &theirs.standard)
        .any(is_far)
        .then(|| (Lint::Tenfold, format!("its prices and those of `{}` differ tenfold", other.key())))
}

/// The prices that both state.
fn pairs(left: &Rates, right: &Rates) -> impl Iterator<Item = (Price, Price)> {
    let each = |rates: &Rates| {
        [
            rates.input,
            rates.output,
            rates.cache_read,
            rates.cache_write,
            rates.cache_write_1h,
            rates.reasoning,
        ]
    };
    each(left).into_iter().zip(each(right)).filter_map(|(left, right)| left.zip(right))
}

fn excuses(entry: &ModelEntry, odd: &mut Vec<Odd>) {
    let idle = entry.excused.keys().filter(|lint| odd.iter().all(|(found, _)| found != *lint));
    let idle: Vec<Odd> =
        idle.map(|lint| (Lint::IdleExcuse, format!("it excuses `{}` without need", lint.name()))).collect();
    odd.extend(idle);
}

/// What an id says about the model itself, without the house, the region and the date that some providers put
/// around it: `us.anthropic.claude-haiku-4-5-20251001-v1:0` is a `claude-haiku-4-5`.
fn family(id: &str) -> &str {
    let mut name = id.rsplit_once('/').map_or(id, |(_, name)| name);
    while let Some((house, rest)) = name.split_once('.')
        && house.chars().all(|c| c.is_ascii_alphabetic())
    {
        name = rest;
    }
    if let Some((front, _)) = name.split_once(':') {
        name = front.rsplit_once('-').map_or(front, |(front, _)| front);
    }
    match name.rsplit_once('-') {
        Some((front, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => front,
        _ => name,
    }
}
