//! One pass for keywords over the whole text, then each rule's pattern on the lines that had one of its words.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::secrets::page::Page;
use crate::secrets::rule::{COMPILED, Extent};

/// How far the end of a PEM block may be.
const PEM_REACH: usize = 16 << 10;

/// The fewest characters of base64 that make a key.
const PEM_LEAST: usize = 64;

/// Something that has the shape of a secret.
pub(crate) struct Candidate {
    /// Its place in [`COMPILED`].
    pub(crate) rule: usize,
    pub(crate) line: usize,
    pub(crate) last_line: usize,
    pub(crate) secret: Range<usize>,
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

/// Everything on a page that has the shape of a secret, in order and without overlaps.
pub(crate) fn candidates(page: &Page<'_>) -> Vec<Candidate> {
    let mut candidates = matches(page);
    without_overlaps(&mut candidates);
    candidates
}

/// Everything on a page that has the shape of a secret, as each rule sees it: in no order, and with overlaps.
pub(crate) fn matches(page: &Page<'_>) -> Vec<Candidate> {
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
            search(page, rule, line, &mut found);
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
    const RIM: &[u8] = b"-----";
    let near = rest.get(..PEM_REACH).unwrap_or(rest);
    // Without a closing line the key was cut off; what is there of it still counts.
    let end = memchr::memmem::find(near, RIM).unwrap_or(near.len());
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
    let closing = near.get(end + RIM.len()..).filter(|rest| rest.starts_with(b"END"));
    let closing = closing.and_then(|rest| memchr::memmem::find(rest, RIM));
    (body >= PEM_LEAST).then_some(closing.map_or(end, |at| end + at + 2 * RIM.len()))
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
