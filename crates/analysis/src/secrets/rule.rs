//! What a secret rule is, and its compiled form. The rules themselves are in the tables under `rules`.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use crate::Severity;
use crate::secrets::rules;

/// One kind of secret. The table of all of them is [`SecretRule::all`].
#[derive(Debug)]
pub struct SecretRule {
    /// The name used in findings and in allow comments, such as `secrets/github-token`.
    pub id: &'static str,
    /// What was found, as the subject of a sentence.
    pub title: &'static str,
    /// How much a leak of this kind matters.
    pub severity: Severity,
    /// What to do after a leak.
    pub help: &'static str,
    /// Lower-case words of which one must be on the line before the pattern is tried.
    pub(crate) keywords: &'static [&'static str],
    /// The shape. The group named `secret`, or else the whole match, is the secret.
    pub(crate) pattern: &'static str,
    /// The least Shannon entropy, in bits per byte.
    pub(crate) entropy: f64,
    /// Values of this shape that are no secret: a pattern for the whole value, or nothing.
    pub(crate) allow: Option<&'static str>,
    /// Where the secret ends.
    pub(crate) extent: Extent,
}

/// Where a secret ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Where the match ends, on the same line.
    Line,
    /// At the closing line of a PEM block, which may be many lines away.
    Pem,
}

impl SecretRule {
    /// Every rule, most specific first.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        rules::TABLES.iter().flat_map(|table| table.iter())
    }

    /// Looks a rule up by its name.
    pub fn find(id: &str) -> Option<&'static Self> {
        Self::all().find(|rule| rule.id == id)
    }

    pub(crate) const fn entropy(self, least: f64) -> Self {
        Self { entropy: least, ..self }
    }

    pub(crate) const fn allow(self, whole_value: &'static str) -> Self {
        Self { allow: Some(whole_value), ..self }
    }

    pub(crate) const fn pem(self) -> Self {
        Self { extent: Extent::Pem, ..self }
    }

    pub(crate) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

/// A rule for a token with a shape of its own: some entropy, nothing excused, ends on its line.
pub(crate) const fn rule(
    id: &'static str,
    severity: Severity,
    title: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
) -> SecretRule {
    SecretRule {
        id,
        title,
        severity,
        help: ROTATE,
        keywords,
        pattern,
        entropy: 3.0,
        allow: None,
        extent: Extent::Line,
    }
}

const ROTATE: &str = "Treat it as leaked: revoke it where it was issued, keep the new one in a secret store, and take \
                      it out of the history before this is pushed.";

/// A rule ready to run.
pub(crate) struct Compiled {
    pub(crate) rule: &'static SecretRule,
    pub(crate) pattern: Regex,
    pub(crate) allow: Option<Regex>,
    pub(crate) group: usize,
}

/// All rules ready to run, in the order of [`SecretRule::all`].
pub(crate) static COMPILED: LazyLock<Vec<Compiled>> =
    LazyLock::new(|| SecretRule::all().map(compile).collect());

fn compile(rule: &'static SecretRule) -> Compiled {
    let pattern = regex(rule.pattern);
    let group = pattern.capture_names().position(|name| name == Some("secret")).unwrap_or(0);
    Compiled { rule, pattern, group, allow: rule.allow.map(|text| regex(&format!("^(?:{text})$"))) }
}

/// Unicode stays off: it would cost speed, and no token has letters beyond ASCII.
pub(crate) fn regex(pattern: &str) -> Regex {
    RegexBuilder::new(pattern)
        .unicode(false)
        .build()
        .expect("the patterns are constants of this crate, and a test compiles every one")
}
