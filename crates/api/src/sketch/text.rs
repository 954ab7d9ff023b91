//! Texts within JSON: where they end, whether they are well formed, and what they say.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

/// Shorter texts are not worth a call.
const SHORT: usize = 16;
const LANES: usize = 64;

/// A text that was passed.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// Where it stands, its quotes included.
    pub(super) range: Range<usize>,
    is_escaped: bool,
}

impl Text {
    /// Whether it says this.
    pub(super) fn is(&self, body: &[u8], what: &str) -> bool {
        if self.is_escaped { self.read(body) == what } else { self.bare(body) == what.as_bytes() }
    }

    /// What stands between the quotes.
    pub(super) fn bare<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.range.start + 1..self.range.end - 1).unwrap_or_default()
    }

    pub(super) fn read<'a>(&self, body: &'a [u8]) -> Cow<'a, str> {
        if self.is_escaped {
            let quoted = body.get(self.range.clone()).unwrap_or_default();
            let text: Result<String, _> = serde_json::from_slice(quoted);
            return Cow::Owned(text.expect("it was passed, and so is well formed"));
        }
        Cow::Borrowed(
            std::str::from_utf8(self.bare(body)).expect("the whole body was checked, and quotes are ASCII"),
        )
    }
}

/// Whether there is no control character. The loop has no way out, so that it runs on many bytes at once.
pub(super) fn is_clean(bytes: &[u8]) -> bool {
    let (lanes, rest) = bytes.as_chunks::<LANES>();
    let lowest = |low: u8, byte: &u8| low.min(*byte);
    let mut low = [u8::MAX; LANES];
    for lane in lanes {
        for (low, byte) in low.iter_mut().zip(lane) {
            *low = (*low).min(*byte);
        }
    }
    low.iter().chain(rest).fold(u8::MAX, lowest) >= b' '
}

/// Passes the text whose quote stands at `start`; fails with the place that is wrong.
pub(super) fn pass(body: &[u8], start: usize, is_clean: bool) -> Result<Text, usize> {
    let mut at = near(body, start + 1);
    let mut is_escaped = false;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        at += memchr2(b'"', b'\\', rest).ok_or(body.len())?;
        if body.get(at) == Some(&b'"') {
            break;
        }
        is_escaped = true;
        at = escape(body, at)?;
    }
    let text = Text { range: start..at + 1, is_escaped };
    if !is_clean && !self::is_clean(text.bare(body)) {
        return Err(start);
    }
    Ok(text)
}

/// Passes what is plain at the start of a text.
fn near(body: &[u8], from: usize) -> usize {
    let rest = body.get(from..).unwrap_or_default();
    let is_plain = |byte: &&u8| !matches!(byte, b'"' | b'\\');
    from + rest.iter().take(SHORT).take_while(is_plain).count()
}

/// Passes the escape whose backslash stands at `at`.
fn escape(body: &[u8], at: usize) -> Result<usize, usize> {
    match body.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match unit(body, at) {
            // Half a character means nothing alone.
            Some(0xd800..=0xdbff) => match unit(body, at + 6) {
                Some(0xdc00..=0xdfff) => Ok(at + 12),
                _ => Err(at),
            },
            Some(0xdc00..=0xdfff) | None => Err(at),
            Some(_) => Ok(at + 6),
        },
        _ => Err(at),
    }
}

/// The number in the escape `\uXXXX` at `at`.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0_u16, |number, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some((number << 4) | u16::try_from(digit).ok()?)
    })
}
