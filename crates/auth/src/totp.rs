//! Codes by time, as RFC 6238 has them: SHA-1, thirty seconds, six digits. Nothing is kept here.

use aws_lc_rs::hmac;
use codeflow_core::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;

use crate::Vault;

const STEP_SECONDS: i64 = 30;
/// So many steps a device's clock may be off, either way.
const OFF: i64 = 1;
const DIGITS: usize = 6;

/// The time step of a moment.
pub(crate) fn step(now: Timestamp) -> i64 {
    now.micros().div_euclid(1_000_000).div_euclid(STEP_SECONDS)
}

/// The code of a time step.
pub(crate) fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = u32::from_be_bytes([tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]]);
    format!("{:0DIGITS$}", number % 1_000_000)
}

/// The step after `last` whose code this is, around now.
pub(crate) fn find(secret: &[u8], text: &str, now: Timestamp, last: i64) -> Option<i64> {
    let steps = (step(now) - OFF)..=(step(now) + OFF);
    let right = steps.filter(|step| Vault::equal(code(secret, *step).as_bytes(), text.as_bytes()));
    right.max().filter(|step| *step > last)
}

/// A secret as people type it.
pub(crate) fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut five = [0; 5];
        five[..chunk.len()].copy_from_slice(chunk);
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in 0..(chunk.len() * 8).div_ceil(5) {
            let letter = bits >> (35 - 5 * place) & 31;
            text.push(char::from(LETTERS[usize::try_from(letter).unwrap_or_default()]));
        }
    }
    text
}

/// The address that apps read from a picture.
pub(crate) fn uri(service: &str, name: &str, secret: &[u8]) -> SecretString {
    let service = utf8_percent_encode(service, NON_ALPHANUMERIC);
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let secret = base32(secret);
    format!(
        "otpauth://totp/{service}:{name}?secret={secret}&issuer={service}&algorithm=SHA1&digits=6&period=30"
    )
    .into()
}
