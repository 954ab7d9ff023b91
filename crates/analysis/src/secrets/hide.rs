//! Takes everything that looks like a secret out of text that is to leave the machine. What excuses a finding excuses
//! nothing here: an accepted secret is still one.

use std::ops::Range;

use crate::secrets::page::Page;
use crate::secrets::rule::COMPILED;
use crate::secrets::{allow, engine};
use crate::{Diff, FileDiff, SecretScanner};

/// A text without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The text, with each secret replaced by `[masked RULE]`. It has as many lines as before.
    pub text: String,
    /// How many places were masked.
    pub places: u64,
}

impl SecretScanner {
    /// Masks everything in a text that has the shape of a secret, but for what can only be a placeholder.
    pub fn mask_text(text: &str) -> Masked {
        let page = Page::of_text(text.as_bytes());
        let secrets = secrets(&page);
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for (range, rule) in &secrets {
            out.extend_from_slice(page.bytes(at..range.start));
            hide(page.bytes(range.clone()), rule, &mut out);
            at = range.end;
        }
        out.extend_from_slice(page.bytes(at..text.len()));
        Masked { text: String::from_utf8_lossy(&out).into_owned(), places: secrets.len() as u64 }
    }

    /// Masks everything in a diff that has the shape of a secret, also in lines that were removed or did not change.
    /// Returns how many lines are no longer what they were.
    pub fn mask_diff(diff: &mut Diff) -> u64 {
        diff.files.iter_mut().map(mask_file).sum()
    }
}

/// Where the secrets are, in order and without overlaps, each with the rule that knows best.
fn secrets(page: &Page<'_>) -> Vec<(Range<usize>, &'static str)> {
    let mut found = engine::matches(page);
    found.retain(|candidate| {
        let secret = page.bytes(candidate.secret.clone());
        COMPILED.get(candidate.rule).is_some_and(|rule| allow::placeholder(secret, rule).is_none())
    });
    found.sort_by_key(|candidate| (candidate.secret.start, candidate.rule));
    let mut secrets: Vec<(Range<usize>, &'static str)> = Vec::new();
    for candidate in found {
        match secrets.last_mut() {
            Some((last, _)) if candidate.secret.start < last.end => {
                last.end = last.end.max(candidate.secret.end);
            }
            Some(_) | None => {
                let rule = COMPILED.get(candidate.rule).map_or("", |rule| rule.rule.id);
                secrets.push((candidate.secret, rule));
            }
        }
    }
    secrets
}

/// Writes the mask once for each line that the secret stands on.
fn hide(secret: &[u8], rule: &str, out: &mut Vec<u8>) {
    for (count, line) in secret.split(|byte| *byte == b'\n').enumerate() {
        if count > 0 {
            out.push(b'\n');
        }
        if !line.is_empty() {
            out.extend_from_slice(format!("[masked {rule}]").as_bytes());
        }
    }
}

/// A secret may reach over several lines of one side, so each side is read as the file it comes from.
fn mask_file(file: &mut FileDiff) -> u64 {
    let side = |absent: u8| {
        let lines = file.patch.split('\n').map(|line| match line.as_bytes().first() {
            Some(&marker) if marker == absent || matches!(marker, b'@' | b'\\') => "",
            Some(_) => line.get(1..).unwrap_or(""),
            None => "",
        });
        SecretScanner::mask_text(&lines.collect::<Vec<_>>().join("\n"))
    };
    let (old, new) = (side(b'+'), side(b'-'));
    let mut patch = String::with_capacity(file.patch.len());
    let mut places = 0;
    for ((line, old), new) in file.patch.split('\n').zip(old.text.split('\n')).zip(new.text.split('\n')) {
        let hidden = match line.as_bytes().first() {
            Some(b'@') => SecretScanner::mask_text(line).text,
            Some(b'\\') | None => line.to_owned(),
            Some(b'-') => format!("-{old}"),
            Some(b'+') => format!("+{new}"),
            Some(_) => {
                let (marker, text) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
                format!("{marker}{}", if new == text { old } else { new })
            }
        };
        places += u64::from(hidden != line);
        patch.push_str(&hidden);
        patch.push('\n');
    }
    patch.pop();
    file.patch = patch;
    places
}
