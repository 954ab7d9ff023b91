//! The outermost fields that matter.

use std::borrow::Cow;

use super::Sketch;
use super::scan::Scan;
use super::text::Text;
use crate::{Error, ErrorKind};

/// A field that decides something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    N,
    User,
    Tools,
}

impl Field {
    const ALL: [(&'static str, Self); 8] = [
        ("model", Self::Model),
        ("stream", Self::Stream),
        ("stream_options", Self::StreamOptions),
        ("max_tokens", Self::MaxTokens),
        ("max_completion_tokens", Self::MaxCompletionTokens),
        ("n", Self::N),
        ("user", Self::User),
        ("tools", Self::Tools),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn bit(self) -> u8 {
        1 << (self as u8)
    }

    fn of(key: &str) -> Result<Option<Self>, Error> {
        for (name, field) in Self::ALL {
            if is(key, name)? {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }
}

/// Whether this is the key. Some readers, Go's among them, do not tell capital letters from small ones: to them
/// another spelling is the same field, and whichever comes last wins. So no other spelling is let through.
fn is(key: &str, name: &str) -> Result<bool, Error> {
    if key != name && is_spelling_of(key, name) {
        let rest = format!("is another spelling of `{name}`");
        return Err(Error::field(ErrorKind::AmbiguousField, key, &rest));
    }
    Ok(key == name)
}

fn is_spelling_of(key: &str, name: &str) -> bool {
    if key.is_ascii() {
        return key.len() == name.len() && key.eq_ignore_ascii_case(name);
    }
    // The long s and the sign for Kelvin are the two other characters whose small letter is an ASCII one.
    key.replace('\u{17f}', "s").replace('\u{212a}', "k").eq_ignore_ascii_case(name)
}

/// Reads the outermost object.
pub(super) fn body(body: &[u8]) -> Result<Sketch<'_>, Error> {
    let mut scan = Scan::new(body)?;
    let mut sketch = Sketch::default();
    let mut seen = 0;
    if let Some(b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') = scan.next() {
        scan.value()?;
        end(&mut scan)?;
        return Err(Error::new(ErrorKind::InvalidField, "the body must be a JSON object"));
    }
    scan.each_field(|scan, key| {
        let Some(field) = Field::of(&key.read(body))? else {
            return scan.value().map(drop);
        };
        if seen & field.bit() != 0 {
            return Err(Error::field(ErrorKind::AmbiguousField, field.name(), "stands there twice"));
        }
        seen |= field.bit();
        read(field, scan, &mut sketch)
    })?;
    end(&mut scan)?;
    sketch.has_images = scan.has_images;
    Ok(sketch)
}

fn end(scan: &mut Scan<'_>) -> Result<(), Error> {
    if scan.next().is_some() { Err(scan.bad()) } else { Ok(()) }
}

fn read<'a>(field: Field, scan: &mut Scan<'a>, sketch: &mut Sketch<'a>) -> Result<(), Error> {
    let name = field.name();
    match field {
        Field::Model => {
            let from = scan.at;
            sketch.model = text(name, scan)?;
            if sketch.model.is_some() {
                sketch.model_at = after_blanks(scan.body, from)..scan.at;
            }
        }
        Field::User => sketch.user = text(name, scan)?,
        Field::Stream => sketch.stream = flag(name, scan)?,
        Field::StreamOptions => {
            let from = scan.at;
            sketch.include_usage = include_usage(scan)?;
            sketch.stream_options_at = Some(after_blanks(scan.body, from)..scan.at);
        }
        Field::MaxTokens => sketch.max_tokens = count(name, scan)?,
        Field::MaxCompletionTokens => sketch.max_completion_tokens = count(name, scan)?,
        Field::N => sketch.n = count(name, scan)?,
        Field::Tools => {
            let range = scan.value()?;
            let written = scan.body.get(range).unwrap_or_default();
            let inner = written.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
            sketch.has_tools = inner.is_some_and(|inner| !inner.trim_ascii().is_empty());
        }
    }
    Ok(())
}

fn after_blanks(body: &[u8], from: usize) -> usize {
    let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    from + body.get(from..).unwrap_or_default().iter().take_while(is_blank).count()
}

fn text<'a>(name: &str, scan: &mut Scan<'a>) -> Result<Option<Cow<'a, str>>, Error> {
    if scan.next() == Some(b'"') {
        let text: Text = scan.text()?;
        return Ok(Some(text.read(scan.body)));
    }
    match written(scan)? {
        b"null" => Ok(None),
        _ => Err(wrong(name, "must be a string")),
    }
}

fn flag(name: &str, scan: &mut Scan<'_>) -> Result<bool, Error> {
    match written(scan)? {
        b"true" => Ok(true),
        b"false" | b"null" => Ok(false),
        _ => Err(wrong(name, "must be true or false")),
    }
}

fn count(name: &str, scan: &mut Scan<'_>) -> Result<Option<u64>, Error> {
    let written = written(scan)?;
    if written == b"null" {
        return Ok(None);
    }
    serde_json::from_slice(written)
        .map(Some)
        .map_err(|cause| wrong(name, "must be a whole number that is not negative").because(cause))
}

fn include_usage(scan: &mut Scan<'_>) -> Result<bool, Error> {
    if scan.next() != Some(b'{') {
        return match written(scan)? {
            b"null" => Ok(false),
            _ => Err(wrong("stream_options", "must be an object")),
        };
    }
    let mut found = None;
    let path = "stream_options.include_usage";
    scan.each_field(|scan, key| {
        if !is(&key.read(scan.body), "include_usage")? {
            return scan.value().map(drop);
        }
        let wants = flag(path, scan)?;
        match found.replace(wants) {
            None => Ok(()),
            Some(_) => Err(Error::field(ErrorKind::AmbiguousField, path, "stands there twice")),
        }
    })?;
    Ok(found.unwrap_or(false))
}

fn written<'a>(scan: &mut Scan<'a>) -> Result<&'a [u8], Error> {
    let range = scan.value()?;
    Ok(scan.body.get(range).unwrap_or_default())
}

fn wrong(name: &str, rest: &str) -> Error {
    Error::field(ErrorKind::InvalidField, name, rest)
}
