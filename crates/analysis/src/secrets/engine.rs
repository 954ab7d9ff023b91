//! One pass for keywords over the whole text, then each rule's pattern on the lines that had one of its words.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::secrets::page::Page;
use crate::secrets::rule::{COMPILED, Compiled, Extent};
use crate::secrets::{SecretScan, SecretScanner, Suppressed, SuppressedBy, allow, mask};
use crate::{Baseline, Finding};

/// The check that these findings come from.
const SOURCE: &str = "core/secrets";

/// How many matches are looked at in one text.
const MAX_CANDIDATES: usize = 20_000;

/// How far the closing line of a PEM block may be.
const PEM_REACH: usize = 16 << 10;

/// The fewest characters of base64 that make a key.
const PEM_LEAST: usize = 64;

/// Something that has the shape of a secret.
struct Candidate {
    rule: usize,
    line: usize,
    last_line: usize,
    secret: Range<usize>,
}

/// The words of all rules in one automaton, and which rules each word belongs to.
struct Keywords {
    automaton: AhoCorasick,
    rules: Vec<Vec<usize>>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    let mut words: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, compiled) in COMPILED.iter().enumerate() {
        for word in compiled.rule.keywords {
            words.entry(word).or_default().push(index);
        }
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words.keys())
        .expect("a few hundred bytes of words fit into an automaton");
    Keywords { automaton, rules: words.into_values().collect() }
});

/// Scans one page and adds to `scan` what it holds.
pub(crate) fn scan(path: &str, page: &Page<'_>, baseline: &Baseline, scan: &mut SecretScan) {
    let mut candidates = candidates(page, scan);
    if candidates.is_empty() {
        return;
    }
    without_overlaps(&mut candidates);
    let secrets: Vec<Range<usize>> = candidates.iter().map(|candidate| candidate.secret.clone()).collect();
    for candidate in &candidates {
        let Some(compiled) = COMPILED.get(candidate.rule) else { continue };
        let finding = finding(path, page, candidate, compiled, &secrets);
        match excuse(page, candidate, compiled, &finding, baseline) {
            Some((by, reason)) => scan.suppress(Suppressed { finding, by, reason }),
            None => scan.report(finding),
        }
    }
}

impl SecretScan {
    fn report(&mut self, finding: Finding) {
        if self.findings.len() < SecretScanner::MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    fn suppress(&mut self, suppressed: Suppressed) {
        if self.suppressed.len() < SecretScanner::MAX_FINDINGS {
            self.suppressed.push(suppressed);
        } else {
            self.more += 1;
        }
    }
}

fn candidates(page: &Page<'_>, scan: &mut SecretScan) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut tried = vec![usize::MAX; COMPILED.len()];
    let mut line = 0;
    for hit in KEYWORDS.automaton.find_overlapping_iter(&page.text) {
        line = page.line_from(line, hit.start());
        for &rule in KEYWORDS.rules.get(hit.pattern().as_usize()).into_iter().flatten() {
            let Some(seen) = tried.get_mut(rule) else { continue };
            if *seen == line {
                continue;
            }
            *seen = line;
            let before = found.len();
            search(page, rule, line, &mut found);
            if found.len() > MAX_CANDIDATES {
                scan.more += (found.len() - before) as u64;
                found.truncate(before);
            }
        }
    }
    found
}

/// Tries one rule on one line.
fn search(page: &Page<'_>, rule: usize, line: usize, found: &mut Vec<Candidate>) {
    let Some(compiled) = COMPILED.get(rule) else { return };
    if compiled.rule.extent == Extent::Line && !page.any_added(line, line) {
        return;
    }
    let span = page.span(line);
    for captures in compiled.pattern.captures_iter(page.bytes(span.clone())) {
        let Some(group) = captures.get(compiled.group) else { continue };
        let mut secret = span.start + group.start()..span.start + group.end();
        if compiled.rule.extent == Extent::Pem {
            let Some(end) = pem_end(page.bytes(secret.end..page.text.len())) else { continue };
            secret.end += end;
        }
        let last_line = page.line_from(line, secret.end.saturating_sub(1));
        let strong = entropy(page.bytes(secret.clone())) >= compiled.rule.entropy;
        if strong && page.any_added(line, last_line) {
            found.push(Candidate { rule, line, last_line, secret });
        }
    }
}

/// Where a PEM block ends, given what follows its opening, provided that there is enough of it to be a key.
fn pem_end(rest: &[u8]) -> Option<usize> {
    const CLOSING: &[u8] = b"-----END";
    let near = rest.get(..PEM_REACH).unwrap_or(rest);
    // Without a closing line the key was cut off; what is there of it still counts.
    let end = memchr::memmem::find(near, CLOSING).unwrap_or(near.len());
    let mut body = 0;
    for (at, &byte) in near.get(..end)?.iter().enumerate() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=' => body += 1,
            // White space, quotes, escapes, and what an encrypted key has in its header.
            b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"' | b'\'' | b',' | b'-' | b':' | b'.' | b'|' | b'>' => {
            }
            _ => return (body >= PEM_LEAST).then_some(at),
        }
    }
    let closing = near.get(end + CLOSING.len()..).and_then(|rest| memchr::memmem::find(rest, b"-----"));
    (body >= PEM_LEAST).then_some(closing.map_or(end, |at| end + CLOSING.len() + at + 5))
}

/// Where two matches share text, only the one of the earlier, more specific rule stays.
fn without_overlaps(candidates: &mut Vec<Candidate>) {
    candidates.sort_by_key(|candidate| (candidate.secret.start, candidate.rule));
    candidates.dedup_by(|next, kept| {
        let overlap = next.secret.start < kept.secret.end;
        if overlap && next.rule < kept.rule {
            std::mem::swap(next, kept);
        }
        overlap
    });
}

fn finding(
    path: &str,
    page: &Page<'_>,
    candidate: &Candidate,
    compiled: &Compiled,
    secrets: &[Range<usize>],
) -> Finding {
    let span = page.span(candidate.line);
    let before = String::from_utf8_lossy(page.bytes(span.start..candidate.secret.start)).chars().count();
    Finding {
        rule: compiled.rule.id.to_owned(),
        severity: compiled.rule.severity,
        path: path.to_owned(),
        line: Some(page.number(candidate.line)),
        column: Some(u32::try_from(before + 1).unwrap_or(u32::MAX)),
        end_line: Some(page.number(candidate.last_line).max(page.number(candidate.line))),
        message: format!("{} is written into this file.", compiled.rule.title),
        excerpt: Some(mask::excerpt(page, span, &candidate.secret, secrets)),
        fingerprint: Finding::fingerprint_of(compiled.rule.id, path, page.bytes(candidate.secret.clone())),
        source: SOURCE.to_owned(),
        help: Some(compiled.rule.help.to_owned()),
    }
}

fn excuse(
    page: &Page<'_>,
    candidate: &Candidate,
    compiled: &Compiled,
    finding: &Finding,
    baseline: &Baseline,
) -> Option<(SuppressedBy, String)> {
    if let Some(why) = allow::placeholder(page.bytes(candidate.secret.clone()), compiled) {
        return Some((SuppressedBy::Placeholder, why.to_owned()));
    }
    if let Some(why) = allow::comment(page, candidate.line, compiled.rule.id) {
        return Some((SuppressedBy::Comment, why));
    }
    baseline.reason(finding).map(|why| (SuppressedBy::Baseline, why.to_owned()))
}

/// Shannon entropy in bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let total = bytes.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total);
    -shares.map(|share| share * share.log2()).sum::<f64>()
}
