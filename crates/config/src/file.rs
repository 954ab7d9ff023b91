//! A settings file: what it says, and in which line. What its settings mean is not known here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use figment::value::{Dict, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::{Error, ErrorKind};

const MAX_BYTES: u64 = 1024 * 1024;

/// The lines of settings, by their full names.
pub(crate) type Lines = BTreeMap<String, usize>;

/// A settings file that has been read.
pub(crate) struct File {
    /// The path.
    pub(crate) name: String,
    pub(crate) values: Dict,
    pub(crate) lines: Lines,
}

impl File {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let context = format!("could not read the settings in `{name}`");
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text))
            .map_err(|source| Error::new(ErrorKind::UnreadableFile, &context).with_source(source))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Error::new(ErrorKind::UnreadableFile, format!("{context}: it is larger than 1 MiB")));
        }
        let table = DeTable::parse(&text).map_err(|error| {
            // The error itself is not passed on: it would show the line, and that may hold a password.
            let line = error.span().map_or(1, |span| line(&text, span.start));
            Error::new(
                ErrorKind::UnreadableFile,
                format!("could not read the settings in `{name}:{line}`: {}", error.message()),
            )
        })?;
        let mut reader = Reader { text: &text, lines: Lines::new() };
        let values = reader.table("", table.into_inner());
        Ok(Self { name, values, lines: reader.lines })
    }
}

struct Reader<'a> {
    text: &'a str,
    lines: Lines,
}

impl Reader<'_> {
    fn table(&mut self, path: &str, table: DeTable<'_>) -> Dict {
        let entry = |(key, value): (Spanned<_>, Spanned<DeValue<'_>>)| {
            let at = key.span().start;
            let key: Cow<'_, str> = key.into_inner();
            let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
            self.lines.entry(path.clone()).or_insert_with(|| line(self.text, at));
            (key.into_owned(), self.value(&path, value))
        };
        table.into_iter().map(entry).collect()
    }

    fn value(&mut self, path: &str, value: Spanned<DeValue<'_>>) -> Value {
        match value.into_inner() {
            DeValue::String(text) => Value::from(text.into_owned()),
            DeValue::Integer(number) => {
                let digits = number.as_str();
                i64::from_str_radix(digits, number.radix()).map_or_else(|_| Value::from(digits), Value::from)
            }
            DeValue::Float(number) => {
                let digits = number.as_str();
                digits.parse::<f64>().map_or_else(|_| Value::from(digits), Value::from)
            }
            DeValue::Boolean(truth) => Value::from(truth),
            DeValue::Datetime(moment) => Value::from(moment.to_string()),
            DeValue::Array(list) => {
                let item = |(index, item): (usize, Spanned<_>)| {
                    let path = format!("{path}.{index}");
                    self.lines.insert(path.clone(), line(self.text, item.span().start));
                    self.value(&path, item)
                };
                Value::from(list.into_iter().enumerate().map(item).collect::<Vec<_>>())
            }
            DeValue::Table(table) => Value::from(self.table(path, table)),
        }
    }
}

fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
