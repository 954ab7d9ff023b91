//! Models for people: limits, prices, and what became of them.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::model::{Finding, ModelEntry, ModelKind, Price, Prices, Rates, Registry};

/// Many of them, a line each. Limits are in tokens, prices in dollars for a million of them.
pub(crate) fn table(entries: &[&ModelEntry]) -> String {
    let dim = Style::new().dimmed();
    let width = entries.iter().map(|entry| entry.key().len()).max().unwrap_or_default().max("model".len());
    let mut out = format!(
        "{dim}{:width$}  {:>9}  {:>9}  {:>9}  {:>9}{dim:#}\n",
        "model", "context", "answer", "$ in", "$ out"
    );
    for entry in entries {
        let rates = entry.prices.as_ref().map(|prices| &prices.standard);
        let answer = match entry.kind {
            ModelKind::Embedding => String::new(),
            ModelKind::Chat | ModelKind::Responses => money(rates.and_then(|rates| rates.output)),
        };
        let _ = write!(
            out,
            "{:width$}  {:>9}  {:>9}  {:>9}  {:>9}",
            entry.key(),
            tokens(entry.context),
            tokens(entry.max_output),
            money(rates.and_then(|rates| rates.input)),
            answer,
        );
        let fate = fate(entry).map(|fate| format!("  {fate}")).unwrap_or_default();
        let _ = writeln!(out, "{dim}{fate}{dim:#}");
    }
    out
}

/// One of them, whole.
pub(crate) fn page(entry: &ModelEntry, registry: &Registry) -> String {
    let bold = Style::new().bold();
    let mut out = format!("{bold}{}{bold:#}\n", entry.key());
    let mut line = |name: &str, text: String| {
        if !text.is_empty() {
            let _ = writeln!(out, "  {name:14}  {text}");
        }
    };
    line("state", fate(entry).unwrap_or_default());
    line("other names", entry.aliases.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    line("longest prompt", tokens(entry.context));
    line("longest answer", tokens(entry.max_output));
    line("dimensions", entry.dimensions.map(|count| count.to_string()).unwrap_or_default());
    line("can", entry.capabilities.iter().map(|feature| feature.name()).collect::<Vec<_>>().join(", "));
    let others = registry.offers(&entry.id).map(|other| other.key()).filter(|key| *key != entry.key());
    line("also as", others.collect::<Vec<_>>().join(", "));
    match &entry.prices {
        Some(prices) => out.push_str(&price_list(prices)),
        None => out.push_str("\nprices are not known\n"),
    }
    let _ = writeln!(out, "\nas of {}, from {}", registry.date(), registry.source());
    out
}

/// What is odd about the data.
pub(crate) fn findings(findings: &[Finding], registry: &Registry) -> String {
    let yellow = AnsiColor::Yellow.on_default();
    let dim = Style::new().dimmed();
    let mut out = String::new();
    for finding in findings {
        let _ = match &finding.excuse {
            Some(excuse) => writeln!(out, "{dim}excused  {finding}: {excuse}{dim:#}"),
            None => writeln!(out, "{yellow}odd{yellow:#}      {finding}"),
        };
    }
    let excused = findings.iter().filter(|finding| finding.excuse.is_some()).count();
    let models = registry.entries().count();
    let _ = writeln!(out, "{models} models, {} odd, {excused} excused", findings.len() - excused);
    out
}

fn price_list(prices: &Prices) -> String {
    let bold = Style::new().bold();
    let mut out = format!("\n{bold}dollars per million tokens{bold:#}\n");
    let mut line = |name: &str, rates: &Rates| {
        let _ = writeln!(out, "  {name:14}  {}", rates_line(rates));
    };
    line("standard", &prices.standard);
    if let Some(long) = &prices.long {
        line(&format!("from {}", tokens(Some(long.from_tokens))), &long.rates);
    }
    if let Some(batch) = &prices.batch {
        line("batch", batch);
    }
    for (name, rates) in &prices.tiers {
        line(name, rates);
    }
    for (region, factor) in &prices.regions {
        let _ = writeln!(out, "  in {region:11}  times {}", String::from(*factor));
    }
    out
}

fn rates_line(rates: &Rates) -> String {
    let named = [
        ("in", rates.input),
        ("out", rates.output),
        ("cache read", rates.cache_read),
        ("cache write", rates.cache_write),
        ("cache write 1h", rates.cache_write_1h),
        ("reasoning", rates.reasoning),
    ];
    let stated = named.into_iter().filter_map(|(name, price)| Some(format!("{name} {}", price?)));
    stated.collect::<Vec<_>>().join(", ")
}

/// What became of it, or will.
fn fate(entry: &ModelEntry) -> Option<String> {
    let then = entry.successor.as_ref().map(|name| format!(", then {name}")).unwrap_or_default();
    if entry.retired {
        return Some(format!("retired{then}"));
    }
    entry.deprecated.map(|date| format!("ends {date}{then}"))
}

fn money(price: Option<Price>) -> String {
    price.map_or_else(|| "?".to_owned(), |price| price.to_string())
}

/// A number in groups of three digits; empty when it is not known.
fn tokens(count: Option<u64>) -> String {
    let digits = count.map(|count| count.to_string()).unwrap_or_default();
    let mut out = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
