//! Decides what becomes of each candidate: a finding, or a suppressed one with its reason.

use std::ops::Range;

use crate::secrets::allow::{self, Comments};
use crate::secrets::engine::{self, Candidate};
use crate::secrets::page::Page;
use crate::secrets::rule::{COMPILED, Compiled};
use crate::secrets::{SecretScan, SecretScanner, Suppressed, SuppressedBy, mask};
use crate::{Baseline, Finding};

/// The check that these findings come from.
const SOURCE: &str = "core/secrets";

/// One page under judgement.
struct Case<'a> {
    path: &'a str,
    page: &'a Page<'a>,
    baseline: &'a Baseline,
    comments: Comments,
    secrets: Vec<Range<usize>>,
    column: Column,
}

/// How many characters of a line come before a byte; moves forward only, so that long lines are read once.
#[derive(Default)]
struct Column {
    line: usize,
    at: usize,
    characters: usize,
}

/// Scans one page and adds to `scan` what it holds.
pub(crate) fn scan(path: &str, page: &Page<'_>, baseline: &Baseline, scan: &mut SecretScan) {
    let candidates = engine::candidates(page);
    if candidates.is_empty() {
        return;
    }
    let secrets = candidates.iter().map(|candidate| candidate.secret.clone()).collect();
    let comments = Comments::of(page);
    let mut case = Case { path, page, baseline, comments, secrets, column: Column::default() };
    for candidate in &candidates {
        if let Some(compiled) = COMPILED.get(candidate.rule) {
            case.judge(candidate, compiled, scan);
        }
    }
}

impl Case<'_> {
    fn judge(&mut self, candidate: &Candidate, compiled: &Compiled, scan: &mut SecretScan) {
        let secret = self.page.bytes(candidate.secret.clone());
        let fingerprint = Finding::fingerprint_of(compiled.rule.id, self.path, secret);
        let excuse = self.excuse(candidate, compiled, &fingerprint);
        // The two lists are bounded apart, so that no number of placeholders can push a finding out.
        let kept = if excuse.is_some() { scan.suppressed.len() } else { scan.findings.len() };
        if kept >= SecretScanner::MAX_FINDINGS {
            scan.more += 1;
            return;
        }
        let finding = self.finding(candidate, compiled, fingerprint);
        match excuse {
            Some((by, reason)) => scan.suppressed.push(Suppressed { finding, by, reason }),
            None => scan.findings.push(finding),
        }
    }

    fn excuse(
        &self,
        candidate: &Candidate,
        compiled: &Compiled,
        fingerprint: &str,
    ) -> Option<(SuppressedBy, String)> {
        let rule = compiled.rule.id;
        if let Some(why) = allow::placeholder(self.page.bytes(candidate.secret.clone()), compiled) {
            return Some((SuppressedBy::Placeholder, why.to_owned()));
        }
        if let Some(why) = self.comments.reason(self.page, candidate.line, rule) {
            return Some((SuppressedBy::Comment, why));
        }
        self.baseline.reason(rule, fingerprint).map(|why| (SuppressedBy::Baseline, why.to_owned()))
    }

    fn finding(&mut self, candidate: &Candidate, compiled: &Compiled, fingerprint: String) -> Finding {
        let page = self.page;
        let line = page.number(candidate.line);
        let column = self.column.of(page, candidate);
        Finding {
            rule: compiled.rule.id.to_owned(),
            severity: compiled.rule.severity,
            path: self.path.to_owned(),
            line: Some(line),
            column: Some(u32::try_from(column).unwrap_or(u32::MAX)),
            end_line: Some(page.number(candidate.last_line).max(line)),
            message: format!("{} is written into this file.", compiled.rule.title),
            excerpt: Some(mask::excerpt(page, page.span(candidate.line), &candidate.secret, &self.secrets)),
            fingerprint,
            source: SOURCE.to_owned(),
            help: Some(compiled.rule.help.to_owned()),
            model: None,
        }
    }
}

impl Column {
    fn of(&mut self, page: &Page<'_>, candidate: &Candidate) -> usize {
        if self.line != candidate.line || self.at > candidate.secret.start {
            *self = Self { line: candidate.line, at: page.span(candidate.line).start, characters: 0 };
        }
        let between = String::from_utf8_lossy(page.bytes(self.at..candidate.secret.start));
        self.characters += between.chars().count();
        self.at = self.at.max(candidate.secret.start);
        self.characters + 1
    }
}
