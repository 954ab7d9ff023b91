//! Shows where a secret stands without showing the secret. What is a secret is decided elsewhere.

use std::ops::Range;

use crate::secrets::page::Page;

const BEFORE: usize = 60;
const AFTER: usize = 20;

/// Shortens a secret to at most its first four and last two characters; a short one disappears altogether.
pub(crate) fn mask(secret: &[u8]) -> String {
    let visible: Vec<char> = String::from_utf8_lossy(secret).chars().collect();
    match visible.len() {
        0..12 => "****".to_owned(),
        12..20 => format!("{}****", first(&visible, 2)),
        length => {
            format!("{}****{}", first(&visible, 4), visible.iter().skip(length - 2).collect::<String>())
        }
    }
}

fn first(chars: &[char], count: usize) -> String {
    chars.iter().take(count).collect()
}

/// The text around a secret on its first line, with that secret and all the other `secrets` there masked.
///
/// `secrets` are in order and do not overlap.
pub(crate) fn excerpt(
    page: &Page<'_>,
    line: Range<usize>,
    secret: &Range<usize>,
    secrets: &[Range<usize>],
) -> String {
    let mut before = String::new();
    let mut after = String::new();
    // Lines can be long: only what may be shown is looked at. A character has at most four bytes.
    let line = line.start.max(secret.start.saturating_sub(4 * BEFORE))..line.end.min(secret.end + 4 * AFTER);
    let mut at = line.start;
    let first = secrets.partition_point(|other| other.end <= line.start);
    for other in secrets.iter().skip(first).take_while(|other| other.start < line.end) {
        let side = if at >= secret.end { &mut after } else { &mut before };
        side.push_str(&text(page.bytes(at..other.start.max(at))));
        if other != secret {
            let side = if other.start >= secret.end { &mut after } else { &mut before };
            side.push_str(&mask(page.bytes(other.clone())));
        }
        at = other.end;
    }
    after.push_str(&text(page.bytes(at.min(line.end)..line.end)));
    let skip = before.trim_start().chars().count().saturating_sub(BEFORE);
    let before: String = before.trim_start().chars().skip(skip).collect();
    let after: String = after.trim_end().chars().take(AFTER).collect();
    format!("{before}{}{after}", mask(page.bytes(secret.clone())))
}

/// Text for one line of a report: control characters become spaces.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
