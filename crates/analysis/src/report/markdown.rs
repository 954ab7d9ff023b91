//! A review as Markdown for a comment. Text from outside can neither mark up, link, nor call anybody.

use std::fmt::{Error, Write};

use super::text::{clean, place};
use crate::{Finding, Outcome, Review};

/// How many entries of a list are shown before the rest is only counted.
const SHOWN: usize = 50;

pub(super) fn render(review: &Review) -> String {
    let mut out = String::new();
    write(review, &mut out).expect("writing into a string never fails");
    out
}

fn write(review: &Review, out: &mut String) -> Result<(), Error> {
    let title = match review.verdict.outcome {
        Outcome::Pass => "Review: passed",
        Outcome::Fail => "Review: failed",
    };
    let range = format!("{}..{}", review.base, review.head);
    writeln!(out, "## {title}\n\n{} ({})\n", code(&range), review.range())?;
    for reason in &review.verdict.reasons {
        writeln!(out, "- {}", plain(reason))?;
    }
    write_findings(review, out)?;
    if let Some(risk) = &review.risk {
        writeln!(out, "\n### Risk: {} of 100 ({})\n", risk.score, risk.level.as_str())?;
        for line in &risk.lines {
            writeln!(out, "- {:+}: {}", line.points, plain(&line.what))?;
        }
    }
    let suppressed = review.suppressed.iter().map(|entry| {
        let finding = &entry.finding;
        format!("{} {}: {}", code(&place(finding)), code(&finding.rule), plain(&entry.reason))
    });
    list(out, "Suppressed", suppressed, 0)?;
    let omitted = review
        .omitted
        .iter()
        .map(|entry| format!("{}: {} ({} bytes)", code(&entry.path), entry.reason.describe(), entry.bytes));
    list(out, "Not looked at", omitted, review.omitted_more)?;
    list(
        out,
        "Skipped",
        review.skipped.iter().map(|s| format!("{}: {}", code(&s.step), plain(&s.reason))),
        0,
    )?;
    list(out, "Models", review.models.iter().map(|used| plain(&used.to_string())), 0)?;
    list(out, "Notes", review.notes.iter().map(|note| plain(note)), 0)
}

fn write_findings(review: &Review, out: &mut String) -> Result<(), Error> {
    list(out, "Findings", review.ranked().into_iter().map(describe), 0)?;
    if review.findings.is_empty() {
        writeln!(out, "\nNo findings.")?;
    }
    Ok(())
}

fn describe(finding: &Finding) -> String {
    let mut text = format!(
        "**{}** {} {}: {}",
        finding.severity,
        code(&place(finding)),
        code(&finding.rule),
        plain(&finding.message)
    );
    let opinion = finding.model.as_deref().map(|model| format!("The opinion of {}.", code(model)));
    let extra = [opinion, finding.excerpt.as_deref().map(code), finding.help.as_deref().map(plain)];
    for line in extra.into_iter().flatten() {
        text.push_str("  \n  ");
        text.push_str(&line);
    }
    text
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
    writeln!(out, "\n### {title}\n")?;
    for entry in entries.take(SHOWN) {
        writeln!(out, "- {entry}")?;
    }
    let rest = count.saturating_sub(SHOWN) as u64 + more;
    if rest > 0 {
        writeln!(out, "- and {rest} more")?;
    }
    Ok(())
}

/// A code span around any text: its fence is longer than every run of backticks inside.
fn code(text: &str) -> String {
    let text = clean(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    format!("{fence} {text} {fence}")
}

/// Running text that stays text: marks are escaped, mentions, references and addresses are taken apart.
fn plain(text: &str) -> String {
    // A space without width: a mention, a reference or an address that contains one is none.
    const APART: char = '\u{200b}';
    let mut out = String::with_capacity(text.len());
    for c in clean(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | ':' => out.extend([c, APART]),
            '#' => out.extend(['\\', c, APART]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    // `www.` starts a link without a colon.
    out.replace("www.", "www\u{200b}.")
}
