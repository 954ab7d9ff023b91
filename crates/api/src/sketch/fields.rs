//! The outermost fields that matter.

use std::borrow::Cow;

use super::Sketch;
use super::scan::Scan;
use super::text::Text;
use crate::{Error, ErrorKind};

/// A field that decides something, or that a reader would be misled by if it stood there twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Model,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    N,
    User,
    Metadata,
    ServiceTier,
    Tools,
    Messages,
    System,
    Input,
}

impl Field {
    const ALL: [(&'static str, Self); 13] = [
        ("model", Self::Model),
        ("stream", Self::Stream),
        ("stream_options", Self::StreamOptions),
        ("max_tokens", Self::MaxTokens),
        ("max_completion_tokens", Self::MaxCompletionTokens),
        ("n", Self::N),
        ("user", Self::User),
        ("metadata", Self::Metadata),
        ("service_tier", Self::ServiceTier),
        ("tools", Self::Tools),
        ("messages", Self::Messages),
        ("system", Self::System),
        ("input", Self::Input),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn bit(self) -> u16 {
        1 << (self as u16)
    }

    fn of(key: &str) -> Result<Option<Self>, Error> {
        let spelling = Spelling::of(key);
        match Self::ALL.iter().find(|(name, _)| spelling.is_of(name)) {
            Some((name, field)) => spelling.check(name).map(|()| Some(*field)),
            None => Ok(None),
        }
    }
}

/// A key, and how some readers spell it. Go's among them do not tell capital letters from small ones: to them another
/// spelling is the same field, and whichever comes last wins. So no other spelling is let through.
struct Spelling<'k> {
    key: &'k str,
    folded: Cow<'k, str>,
}

impl<'k> Spelling<'k> {
    fn of(key: &'k str) -> Self {
        // The long s and the sign for Kelvin are the only other characters whose small letter is an ASCII one.
        let folded = match key.is_ascii() {
            true => Cow::Borrowed(key),
            false => Cow::Owned(key.replace('\u{17f}', "s").replace('\u{212a}', "k")),
        };
        Self { key, folded }
    }

    fn is_of(&self, name: &str) -> bool {
        self.folded.len() == name.len() && self.folded.eq_ignore_ascii_case(name)
    }

    fn check(&self, name: &str) -> Result<(), Error> {
        if self.key == name {
            return Ok(());
        }
        let rest = format!("is another spelling of `{name}`");
        Err(Error::field(ErrorKind::AmbiguousField, self.key, &rest))
    }
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
    sketch.has_thoughts = scan.has_thoughts;
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
        Field::ServiceTier => sketch.service_tier = text(name, scan)?,
        Field::Metadata => sketch.metadata_user = metadata_user(scan)?,
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
        Field::Messages | Field::System | Field::Input => {
            scan.value()?;
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
    let wants = inner(scan, "include_usage", |scan| flag("stream_options.include_usage", scan))?;
    Ok(wants.unwrap_or(false))
}

/// In one format these are labels of any kind and in the other it is a place for the user; only texts matter here.
fn metadata_user<'a>(scan: &mut Scan<'a>) -> Result<Option<Cow<'a, str>>, Error> {
    if scan.next() != Some(b'{') {
        scan.value()?;
        return Ok(None);
    }
    let user = inner(scan, "user_id", |scan| match scan.next() {
        Some(b'"') => Ok(Some(scan.text()?.read(scan.body))),
        _ => scan.value().map(|_| None),
    })?;
    Ok(user.flatten())
}

/// Reads one field of the object that begins here, which must not stand there twice.
fn inner<'a, T>(
    scan: &mut Scan<'a>,
    name: &str,
    mut read: impl FnMut(&mut Scan<'a>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let mut found = None;
    scan.each_field(|scan, key| {
        let key = key.read(scan.body);
        let spelling = Spelling::of(&key);
        if !spelling.is_of(name) {
            return scan.value().map(drop);
        }
        spelling.check(name)?;
        match found.replace(read(scan)?) {
            None => Ok(()),
            Some(_) => Err(Error::field(ErrorKind::AmbiguousField, name, "stands there twice")),
        }
    })?;
    Ok(found)
}

fn written<'a>(scan: &mut Scan<'a>) -> Result<&'a [u8], Error> {
    let range = scan.value()?;
    Ok(scan.body.get(range).unwrap_or_default())
}

fn wrong(name: &str, rest: &str) -> Error {
    Error::field(ErrorKind::InvalidField, name, rest)
}
