//! A review as SARIF 2.1.0. Validity against the published schema is tested, not checked here.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{Finding, OmittedReason, Review, SecretRule, Severity, Suppressed, SuppressedBy};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What may stand unescaped in the path of an address.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The review as a SARIF log with one run.
pub(super) fn document(review: &Review) -> Value {
    let rules = rules(review);
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, id)| (*id, at)).collect();
    let results: Vec<Value> = review
        .ranked()
        .into_iter()
        .map(|finding| result(finding, &index))
        .chain(review.suppressed.iter().map(|entry| suppressed(entry, &index)))
        .collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "CodeFlow",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|finding| rule(finding)).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": "codeflow/review/" },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications(review),
            }],
            "results": results,
            "properties": {
                "verdict": review.verdict.outcome.as_str(),
                "risk": review.risk.as_ref().map(|risk| risk.score),
                "models": review.models,
            },
        }],
    })
}

/// Each rule once, with the first finding that names it.
fn rules(review: &Review) -> BTreeMap<&str, &Finding> {
    let mut rules = BTreeMap::new();
    let suppressed = review.suppressed.iter().map(|entry| &entry.finding);
    for finding in review.findings.iter().chain(suppressed) {
        rules.entry(finding.rule.as_str()).or_insert(finding);
    }
    rules
}

fn rule(example: &Finding) -> Value {
    let title = match (SecretRule::find(&example.rule), &example.model) {
        (Some(rule), _) => format!("{} is written into a file.", rule.title),
        (None, None) => example.message.clone(),
        // One message of a model says nothing about the others under the same name.
        (None, Some(_)) => "The opinion of a model.".to_owned(),
    };
    let mut rule = json!({
        "id": example.rule,
        "shortDescription": { "text": title },
        "defaultConfiguration": { "level": level(example.severity) },
        "properties": properties(example),
    });
    if let (Some(help), None, Some(rule)) = (&example.help, &example.model, rule.as_object_mut()) {
        rule.insert("help".to_owned(), json!({ "text": help }));
    }
    rule
}

/// Code hosts sort what checks found by its security severity. An opinion claims none.
fn properties(example: &Finding) -> Value {
    match &example.model {
        Some(_) => json!({ "tags": ["opinion", example.source] }),
        None => {
            json!({ "security-severity": score(example.severity), "tags": ["security", example.source] })
        }
    }
}

fn result(finding: &Finding, index: &BTreeMap<&str, usize>) -> Value {
    let mut location = json!({
        "artifactLocation": { "uri": uri(&finding.path), "uriBaseId": "%SRCROOT%" },
    });
    if let (Some(region), Some(location)) = (region(finding), location.as_object_mut()) {
        location.insert("region".to_owned(), region);
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "ruleIndex": index.get(finding.rule.as_str()),
        "level": level(finding.severity),
        "message": { "text": finding.message },
        "locations": [{ "physicalLocation": location }],
        "partialFingerprints": { "codeflow/v1": finding.fingerprint },
        "properties": { "severity": finding.severity, "source": finding.source },
    });
    if let (Some(model), Some(properties)) = (&finding.model, result.get_mut("properties")) {
        properties["model"] = json!(model);
    }
    result
}

fn suppressed(entry: &Suppressed, index: &BTreeMap<&str, usize>) -> Value {
    let kind = match entry.by {
        SuppressedBy::Comment => "inSource",
        SuppressedBy::Placeholder | SuppressedBy::Baseline => "external",
    };
    let mut result = result(&entry.finding, index);
    if let Some(result) = result.as_object_mut() {
        let suppression = json!({ "kind": kind, "status": "accepted", "justification": entry.reason });
        result.insert("suppressions".to_owned(), json!([suppression]));
    }
    result
}

/// Lines and columns start at 1 in SARIF; a finding without a line has no region.
fn region(finding: &Finding) -> Option<Value> {
    let line = finding.line.filter(|line| *line > 0)?;
    let mut region =
        json!({ "startLine": line, "endLine": finding.end_line.map_or(line, |end| end.max(line)) });
    let fields = region.as_object_mut()?;
    if let Some(column) = finding.column.filter(|column| *column > 0) {
        fields.insert("startColumn".to_owned(), json!(column));
    }
    if let Some(excerpt) = &finding.excerpt {
        fields.insert("snippet".to_owned(), json!({ "text": excerpt }));
    }
    Some(region)
}

/// What the reader should know about the run: steps skipped, files left out, notes.
fn notifications(review: &Review) -> Vec<Value> {
    let note = |level: &str, text: String| json!({ "level": level, "message": { "text": text } });
    let skipped =
        review.skipped.iter().map(|s| note("warning", format!("{} was skipped: {}", s.step, s.reason)));
    let omitted = review.omitted.iter().map(|entry| {
        let level = if entry.reason == OmittedReason::LineTooLong { "note" } else { "warning" };
        note(level, format!("{} was not looked at in full: {}", entry.path, entry.reason.describe()))
    });
    let more = (review.omitted_more > 0)
        .then(|| note("warning", format!("{} more files were not looked at", review.omitted_more)));
    let notes = review.notes.iter().map(|text| note("note", text.clone()));
    skipped.chain(omitted).chain(more).chain(notes).collect()
}

fn uri(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info | Severity::Low => "note",
        Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// The number by which code hosts sort security findings.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "0.0",
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}
