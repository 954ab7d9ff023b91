//! What is excused: placeholders that cannot be secrets, and comments that say why. Both leave a reason behind.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use crate::secrets::page::Page;
use crate::secrets::rule::{Compiled, regex};

/// Begins an allow comment: `codeflow:allow <rule> <reason>`.
const MARKER: &[u8] = b"codeflow:allow";

/// The longest reason that is kept, in characters.
const MAX_REASON: usize = 200;

/// How far behind its marker a comment is read, in bytes, and how many markers of one line are looked at.
const MAX_COMMENT: usize = 1000;
const MAX_MARKERS: usize = 8;

/// Values that some vendor prints in its own documents.
const DOCUMENTED: &[&str] = &[
    concat!("AKIA", "IOSFODNN7", "EXAMPLE"),
    concat!("AKIA", "I44QH8DHB", "EXAMPLE"),
    concat!("wJalrXUtnFEMI", "/K7MDENG/", "bPxRfiCYEXAMPLEKEY"),
    concat!("sk_", "test_", "4eC39HqLyjWDarjtT1zdp7dc"),
    concat!("sk_", "test_", "BQokikJOvBiI2HlWgH4olfQ2"),
    // The account key that every copy of the Azure storage emulator accepts.
    concat!("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6", "tq/K1SZFPTOtr/KBHBeksoGMGw=="),
];

/// The whole value is a variable of some template language, or words in brackets.
static TEMPLATE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?x) ^ (?: \$\{[^}]*\}+ | \$\([^)]*\) | \$[A-Z_][A-Z0-9_]* | \$[a-z_]+ | \{\{.*\}\} | \{[^{}]*\}
        | <[^<>]+> | \[[A-Za-z\ _-]+\] | %[A-Za-z_]+% | %\([a-z_]+\)s | %[sdv] | \#\{[^}]+\} | @[A-Z_]+@ ) $",
    )
});

/// Says why a value is no secret whatever the rule, or nothing.
///
/// Only the value as a whole is judged: a word inside it proves nothing about the rest.
pub(crate) fn placeholder(secret: &[u8], found_by: &Compiled) -> Option<&'static str> {
    if DOCUMENTED.iter().any(|known| known.as_bytes() == secret) {
        return Some("an example from the vendor's documents");
    }
    if TEMPLATE.is_match(secret) {
        return Some("a variable to be filled in");
    }
    if is_filler(secret) {
        return Some("filler characters");
    }
    found_by
        .allow
        .as_ref()
        .filter(|allow| allow.is_match(secret))
        .map(|_| "a value this rule is told to ignore")
}

/// Whether what follows the prefix is one character over and over, or runs like `12345678` and `abcdefgh`.
fn is_filler(secret: &[u8]) -> bool {
    let body = match memchr::memrchr2(b'_', b'-', secret) {
        Some(at) if secret.len() - at > 8 => secret.get(at + 1..).unwrap_or(secret),
        _ => secret,
    };
    let pairs = body.len().saturating_sub(1);
    let steps = |wanted: fn(u8, u8) -> bool| {
        body.windows(2).filter(|w| matches!(w, [a, b] if wanted(*a, *b))).count()
    };
    let same = steps(|a, b| a == b);
    let up = steps(|a, b| b == a.wrapping_add(1) || (a == b'9' && b == b'0') || (a == b'z' && b == b'0'));
    pairs >= 3 && (same == pairs || up * 10 >= pairs * 9)
}

/// Where the allow comments of a page are.
pub(crate) struct Comments {
    markers: Vec<usize>,
}

impl Comments {
    pub(crate) fn of(page: &Page<'_>) -> Self {
        Self { markers: memmem::find_iter(&page.text, MARKER).collect() }
    }

    /// The reason in a comment for this rule, on the line itself or alone on the line before.
    pub(crate) fn reason(&self, page: &Page<'_>, line: usize, rule: &str) -> Option<String> {
        self.on(page, line, rule, false).or_else(|| self.on(page, page.previous(line)?, rule, true))
    }

    fn on(&self, page: &Page<'_>, line: usize, rule: &str, alone: bool) -> Option<String> {
        let span = page.span(line);
        let first = self.markers.partition_point(|at| *at < span.start);
        let markers = self.markers.iter().skip(first).take_while(|at| **at < span.end).take(MAX_MARKERS);
        markers.copied().find_map(|at| {
            let behind_code = page.bytes(span.start..at).iter().any(u8::is_ascii_alphanumeric);
            let begin = at + MARKER.len();
            let end = span.end.min(begin + MAX_COMMENT);
            if alone && behind_code { None } else { reason(page.bytes(begin..end), rule) }
        })
    }
}

/// Reads ` <rule> <reason>`; both must be there.
fn reason(comment: &[u8], rule: &str) -> Option<String> {
    let comment = String::from_utf8_lossy(comment);
    let (named, why) =
        comment.strip_prefix(char::is_whitespace)?.trim_start().split_once(char::is_whitespace)?;
    let why = why.split("codeflow:allow").next().unwrap_or("").trim();
    let why = why.trim_end_matches("-->").trim_end_matches("*/").trim();
    let kept: String = why.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
    (named == rule && !kept.is_empty()).then_some(kept)
}
