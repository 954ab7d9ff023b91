//! A review as plain lines for a terminal. Control characters from outside never reach it.

use std::fmt::{Error, Write};

use crate::{Finding, Outcome, Review};

/// How many entries of a list are shown before the rest is only counted.
const SHOWN: usize = 20;

pub(super) fn render(review: &Review) -> String {
    let mut out = String::new();
    write(review, &mut out).expect("writing into a string never fails");
    out
}

fn write(review: &Review, out: &mut String) -> Result<(), Error> {
    let outcome = match review.verdict.outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
    };
    writeln!(out, "{outcome}  {}..{}  {}", clean(&review.base), clean(&review.head), review.range())?;
    for reason in &review.verdict.reasons {
        writeln!(out, "      {}", clean(reason))?;
    }
    for finding in review.ranked() {
        write_finding(finding, out)?;
    }
    if review.findings.is_empty() {
        writeln!(out, "\nNo findings.")?;
    }
    if let Some(risk) = &review.risk {
        writeln!(out, "\nRisk {} of 100 ({})", risk.score, risk.level.as_str())?;
        for line in &risk.lines {
            writeln!(out, "  {:+4}  {}", line.points, clean(&line.what))?;
        }
    }
    let suppressed = review.suppressed.iter().map(|entry| {
        format!("{} {}: {}", place(&entry.finding), clean(&entry.finding.rule), clean(&entry.reason))
    });
    list(out, "Suppressed", suppressed, 0)?;
    let omitted = review
        .omitted
        .iter()
        .map(|entry| format!("{}: {} ({} bytes)", clean(&entry.path), entry.reason.describe(), entry.bytes));
    list(out, "Not looked at", omitted, review.omitted_more)?;
    list(
        out,
        "Skipped",
        review.skipped.iter().map(|s| format!("{}: {}", clean(&s.step), clean(&s.reason))),
        0,
    )?;
    list(out, "Models", review.models.iter().map(|used| clean(&used.to_string())), 0)?;
    list(out, "Notes", review.notes.iter().map(|note| clean(note)), 0)
}

fn write_finding(finding: &Finding, out: &mut String) -> Result<(), Error> {
    writeln!(out, "\n{:8}  {}  {}", finding.severity, place(finding), clean(&finding.rule))?;
    writeln!(out, "          {}", clean(&finding.message))?;
    if let Some(model) = &finding.model {
        writeln!(out, "          (the opinion of {})", clean(model))?;
    }
    if let Some(excerpt) = &finding.excerpt {
        writeln!(out, "          | {}", clean(excerpt))?;
    }
    if let Some(help) = &finding.help {
        writeln!(out, "          help: {}", clean(help))?;
    }
    Ok(())
}

fn list(
    out: &mut String,
    title: &str,
    entries: impl ExactSizeIterator<Item = String>,
    more: u64,
) -> Result<(), Error> {
    let count = entries.len();
    if count == 0 {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for entry in entries.take(SHOWN) {
        writeln!(out, "  {entry}")?;
    }
    let rest = count.saturating_sub(SHOWN) as u64 + more;
    if rest > 0 {
        writeln!(out, "  and {rest} more")?;
    }
    Ok(())
}

/// `path:line:column`, as far as it is known.
pub(super) fn place(finding: &Finding) -> String {
    let mut place = clean(&finding.path);
    for number in [finding.line, finding.column].into_iter().flatten() {
        place.push(':');
        place.push_str(&number.to_string());
    }
    place
}

/// Replaces characters that steer a terminal or turn the direction of writing around.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}
