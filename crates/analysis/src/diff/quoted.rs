//! Paths as git prints them: bare, or in C-style quotes. Turning bytes into text that can be shown is here too.

use std::borrow::Cow;

/// The longest path that is kept; git itself writes none that a file system would refuse.
const MAX_PATH: usize = 4096;

/// Undoes git's quoting; bare text comes back as it is, and so does text whose quoting is broken.
pub(super) fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let inner = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    match inner.and_then(unescape) {
        Some(bytes) => Cow::Owned(bytes),
        None => Cow::Borrowed(text),
    }
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            first @ b'0'..=b'3' => octal([first, bytes.next()?, bytes.next()?])?,
            other @ (b'"' | b'\\') => other,
            _ => return None,
        });
    }
    Some(out)
}

fn octal(digits: [u8; 3]) -> Option<u8> {
    digits.iter().try_fold(0u8, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

/// Shows a path as text: bytes that are not UTF-8 become `\ooo`. The flag says whether there were any.
pub(super) fn show(path: &[u8]) -> (String, bool) {
    let path = path.get(..MAX_PATH).unwrap_or(path);
    let mut out = String::with_capacity(path.len());
    let mut escaped = false;
    for chunk in path.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            escaped = true;
            out.push_str(&format!("\\{byte:03o}"));
        }
    }
    (out, escaped)
}
