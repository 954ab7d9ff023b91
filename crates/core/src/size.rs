//! Sizes in bytes as people write them. What a size is for, and how large it may be, is decided where it is read.

const UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];

/// Reads a whole number with a unit, or none for bytes: `512`, `64 KiB`, `32MiB`, `1 GB`.
///
/// ```
/// assert_eq!(codeflow_core::parse_bytes("64 KiB"), Some(65_536));
/// assert_eq!(codeflow_core::parse_bytes("a lot"), None);
/// ```
pub fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let scale = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(scale)
}
