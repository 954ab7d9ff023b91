//! Walks over JSON without keeping anything of it. It is as strict as `serde_json`, and stricter about depth.

use std::ops::Range;

use super::text::{self, Text};
use crate::{Error, ErrorKind};

/// Nobody nests a request more deeply.
const DEEPEST: usize = 64;

/// A place in a body.
pub(super) struct Scan<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    /// Whether there is no control character in the whole body, so that no text needs to be searched for one.
    is_clean: bool,
    depth: usize,
    /// Whether a picture was passed.
    pub(super) has_images: bool,
    /// Whether a thought was passed.
    pub(super) has_thoughts: bool,
}

impl<'a> Scan<'a> {
    /// The start of a body, which is sure to be UTF-8 from here on.
    pub(super) fn new(body: &'a [u8]) -> Result<Self, Error> {
        simdutf8::basic::from_utf8(body)
            .map_err(|_| Error::new(ErrorKind::InvalidJson, "the body is not valid UTF-8"))?;
        let is_clean = text::is_clean(body);
        Ok(Self { body, at: 0, is_clean, depth: 0, has_images: false, has_thoughts: false })
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// The next byte that is not blank, without passing it.
    pub(super) fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
        self.peek()
    }

    pub(super) fn bad(&self) -> Error {
        let text = format!("the body is not valid JSON: something is wrong at byte {}", self.at);
        Error::new(ErrorKind::InvalidJson, text)
    }

    /// Passes this byte, or fails.
    pub(super) fn pass(&mut self, byte: u8) -> Result<(), Error> {
        if self.next() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.bad())
    }

    /// Passes whatever is written here, and says where it stood.
    pub(super) fn value(&mut self) -> Result<Range<usize>, Error> {
        let Some(first) = self.next() else { return Err(self.bad()) };
        let start = self.at;
        match first {
            b'"' => {
                self.text()?;
            }
            b'{' => self.object()?,
            b'[' => self.list()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        Ok(start..self.at)
    }

    /// Passes a text, its quotes included.
    pub(super) fn text(&mut self) -> Result<Text, Error> {
        match text::pass(self.body, self.at, self.is_clean) {
            Ok(text) => {
                self.at = text.range.end;
                Ok(text)
            }
            Err(at) => {
                self.at = at;
                Err(self.bad())
            }
        }
    }

    /// Passes an object and hands every key to `field`, which passes the value.
    pub(super) fn each_field(
        &mut self,
        mut field: impl FnMut(&mut Self, &Text) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.open(b'{')?;
        if self.next() == Some(b'}') {
            return self.close();
        }
        loop {
            if self.next() != Some(b'"') {
                return Err(self.bad());
            }
            let key = self.text()?;
            self.pass(b':')?;
            field(self, &key)?;
            match self.next() {
                Some(b',') => self.at += 1,
                Some(b'}') => return self.close(),
                _ => return Err(self.bad()),
            }
        }
    }

    fn object(&mut self) -> Result<(), Error> {
        self.each_field(|scan, key| {
            if key.is(scan.body, "type") && scan.next() == Some(b'"') {
                let kind = scan.text()?;
                let is = |name| kind.is(scan.body, name);
                scan.has_images |= is("image_url") || is("image");
                scan.has_thoughts |= is("thinking") || is("redacted_thinking");
                return Ok(());
            }
            scan.value().map(drop)
        })
    }

    fn list(&mut self) -> Result<(), Error> {
        self.open(b'[')?;
        if self.next() == Some(b']') {
            return self.close();
        }
        loop {
            self.value()?;
            match self.next() {
                Some(b',') => self.at += 1,
                Some(b']') => return self.close(),
                _ => return Err(self.bad()),
            }
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), Error> {
        self.pass(bracket)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            let text = format!("the body is nested more than {DEEPEST} levels deep");
            return Err(Error::new(ErrorKind::TooDeep, text));
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        if self.body.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.bad())
    }

    fn number(&mut self) -> Result<(), Error> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.bad()),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
            self.in_range(start)?;
        } else if self.at - start > 300 {
            self.in_range(start)?;
        }
        Ok(())
    }

    /// A number that no float can hold is an error to some and infinite to others.
    fn in_range(&self, start: usize) -> Result<(), Error> {
        let number = self.body.get(start..self.at).unwrap_or_default();
        match serde_json::from_slice::<f64>(number) {
            Ok(_) => Ok(()),
            Err(cause) => Err(self.bad().because(cause)),
        }
    }

    fn digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(self.bad()) } else { Ok(()) }
    }
}
