//! Takes the sting out of what a model wrote, before anybody shows it, posts it or stores it: secrets, mentions, HTML,
//! links and commands.

use codeflow_analysis::SecretScanner;
use serde_json::Value;

use super::fence::is_hidden;

/// A space without width: a mention, a link or a tag that contains one is none.
const APART: char = '\u{200b}';

/// Text for people, of any length.
pub(crate) fn prose(text: &str) -> String {
    let visible: String = text.chars().filter(|c| matches!(c, '\n' | '\t') || !is_hidden(*c)).collect();
    harmless(&SecretScanner::mask_text(&visible).text)
}

/// Text for people in one line of at most this many characters.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let spaced: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let text = prose(&words.join(" "));
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text,
    }
}

/// Values for programs: secrets and mentions go, addresses stay, because they may be what was asked for.
pub(crate) fn values(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(unmentioned(&SecretScanner::mask_text(&text).text)),
        Value::Array(items) => Value::Array(items.into_iter().map(values).collect()),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, values(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

fn unmentioned(text: &str) -> String {
    apart(text, |before, c, after| c == '@' && is_mention(before, after))
}

fn is_mention(before: Option<char>, after: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    !before.is_some_and(is_word) && after.starts_with(is_word)
}

fn harmless(text: &str) -> String {
    let text = if text.trim_start().starts_with('/') { format!("{APART}{text}") } else { text.to_owned() };
    apart(&text, |before, c, after| match c {
        '@' => is_mention(before, after),
        // Tags and comments, but not a comparison.
        '<' => after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')),
        // `[text](address)`, with or without a `!` before it, and `[name]: address`.
        ']' => after.starts_with(['(', ':']),
        ':' => after.starts_with("//"),
        '#' => after.starts_with(|c: char| c.is_ascii_digit()),
        'w' | 'W' => after.get(..3).is_some_and(|rest| rest.eq_ignore_ascii_case("ww.")),
        // Code hosts take a line that begins so for a command.
        '\n' => after.trim_start_matches([' ', '\t']).starts_with('/'),
        _ => false,
    })
}

/// Puts a space without width behind each character that `wanted` names, given what stands before and behind it.
fn apart(text: &str, wanted: impl Fn(Option<char>, char, &str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    for (at, c) in text.char_indices() {
        out.push(c);
        if wanted(before, c, text.get(at + c.len_utf8()..).unwrap_or_default()) {
            out.push(APART);
        }
        before = Some(c);
    }
    out
}
