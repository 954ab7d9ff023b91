//! Reading nodes as the values that keys take. What does not fit is reported, and reads as nothing.

use std::ops::RangeInclusive;
use std::time::Duration;

use codeflow_expr::{Expression, Reference, Template};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::node::{Content, Entry, Node};
use super::problem::{ProblemCode, Report, listed, shown};
use super::shape::{Shape, choices};
use super::source::Source;
use crate::{Location, format_duration, parse_duration};

/// What reading needs at hand: the text for places, and the report.
pub(super) struct Context<'c> {
    pub(super) source: &'c Source<'c>,
    pub(super) report: &'c mut Report,
}

/// The keys of a mapping that has a known shape.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields<'n>(&'n [Entry]);

impl<'n> Fields<'n> {
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.0.iter().find(|entry| entry.key == name)
    }
}

/// Something that an expression reads, and the value it stands in.
pub(super) struct Read<'n> {
    pub(super) path: Vec<String>,
    pub(super) node: &'n Node,
}

impl Context<'_> {
    pub(super) fn wrong_type(&mut self, node: &Node, expected: &str, hint: &str) {
        if !matches!(node.content, Content::Broken) {
            let message = format!("expected {expected}, found {}", node.kind());
            self.report.add(ProblemCode::WrongType, node.at, message, hint);
        }
    }

    pub(super) fn bad_value(&mut self, at: Location, message: String, hint: impl Into<String>) {
        self.report.add(ProblemCode::BadValue, at, message, hint);
    }

    /// A mapping of a known shape; `at` is where its missing keys are reported.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, at: Location, shape: &Shape) -> Option<Fields<'n>> {
        let entries = self.entries(node, "a mapping")?;
        let names = || shape.keys.iter().map(|key| key.name);
        for entry in entries.iter().filter(|entry| names().all(|name| name != entry.key)) {
            let message = format!("`{}` is not a key of {}", shown(&entry.key), shape.what);
            let hint =
                self.report.did_you_mean(&entry.key, names(), || format!("its keys are {}", listed(names())));
            self.report.add(ProblemCode::UnknownKey, entry.at, message, hint);
            if self.report.is_full() {
                break;
            }
        }
        let fields = Fields(entries);
        for key in shape.keys.iter().filter(|key| key.required && fields.get(key.name).is_none()) {
            let message = format!("{} needs the key `{}`", shape.what, key.name);
            self.report.add(ProblemCode::MissingKey, at, message, key.about);
        }
        Some(fields)
    }

    pub(super) fn entries<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Entry]> {
        match &node.content {
            Content::Map(entries) => Some(entries),
            Content::Broken | Content::Scalar(_) | Content::List(_) => {
                self.wrong_type(node, expected, "write `key: value` pairs, indented below it");
                None
            }
        }
    }

    pub(super) fn list<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n [Node]> {
        match &node.content {
            Content::List(items) => Some(items),
            Content::Broken | Content::Scalar(_) | Content::Map(_) => {
                self.wrong_type(node, expected, "write `[a, b]`, or one `- item` a line");
                None
            }
        }
    }

    pub(super) fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar(Value::String(text)) => Some(text),
            Content::Scalar(Value::Bool(_) | Value::Number(_)) => {
                self.wrong_type(node, expected, "write it in quotes if it is a text");
                None
            }
            Content::Broken | Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
                self.wrong_type(node, expected, "");
                None
            }
        }
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        match &node.content {
            Content::Scalar(Value::Bool(flag)) => Some(*flag),
            Content::Broken | Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
                self.wrong_type(
                    node,
                    "true or false",
                    "YAML 1.2 has only `true` and `false`, without quotes",
                );
                None
            }
        }
    }

    pub(super) fn whole(&mut self, node: &Node, range: RangeInclusive<u32>) -> Option<u32> {
        let (low, high) = (*range.start(), *range.end());
        let Content::Scalar(Value::Number(number)) = &node.content else {
            self.wrong_type(node, &format!("a whole number from {low} to {high}"), "");
            return None;
        };
        let whole =
            number.as_u64().and_then(|whole| u32::try_from(whole).ok()).filter(|whole| range.contains(whole));
        if whole.is_none() {
            let message = format!("{number} is not a whole number from {low} to {high}");
            self.report.add(ProblemCode::Limit, node.at, message, "");
        }
        whole
    }

    /// A duration that is longer than nothing and no longer than `longest`.
    pub(super) fn duration(&mut self, node: &Node, longest: Duration) -> Option<Duration> {
        let text = self.text(node, "a duration such as `30s` or `10m`")?;
        match parse_duration(text) {
            Ok(duration) if !duration.is_zero() && duration <= longest => Some(duration),
            Ok(_) => {
                let message =
                    format!("`{}` is not between 1ms and {}", shown(text), format_duration(longest));
                self.report.add(ProblemCode::Limit, node.at, message, "");
                None
            }
            Err(_) => {
                let message = format!("`{}` is not a duration", shown(text));
                self.bad_value(node.at, message, "write numbers with units: 500ms, 30s, 10m, 1h30m, 3d");
                None
            }
        }
    }

    /// One of the texts that `T` is written as.
    pub(super) fn choice<T: DeserializeOwned + JsonSchema>(&mut self, node: &Node) -> Option<T> {
        let names = choices::<T>();
        let names = || names.iter().map(String::as_str);
        let text = self.text(node, &format!("one of {}", listed(names())))?;
        let value = serde_json::from_value(text.into()).ok();
        if value.is_none() {
            let message = format!("`{}` is not one of {}", shown(text), listed(names()));
            let hint = self.report.did_you_mean(text, names(), String::new);
            self.bad_value(node.at, message, hint);
        }
        value
    }

    /// A name, as of a workflow, a step or an input.
    pub(super) fn name<T: std::str::FromStr<Err = super::InvalidName>>(
        &mut self,
        text: &str,
        at: Location,
    ) -> Option<T> {
        let name = text.parse().ok();
        if name.is_none() {
            let hint = "use 1 to 64 letters, digits, `-` and `_`, starting with a letter or `_`";
            self.bad_value(at, format!("`{}` is not a name", shown(text)), hint);
        }
        name
    }

    /// An expression, in `${{ }}` or without.
    pub(super) fn expression<'n>(&mut self, node: &'n Node, reads: &mut Vec<Read<'n>>) -> Option<Expression> {
        let text = match &node.content {
            Content::Scalar(Value::Bool(flag)) => flag.to_string(),
            Content::Broken | Content::Scalar(_) | Content::List(_) | Content::Map(_) => {
                self.text(node, "an expression")?.to_owned()
            }
        };
        let inner = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
        let (skipped, source) = inner.map_or((0, text.as_str()), |inner| (3, inner));
        match Expression::parse(source) {
            Ok(expression) => {
                note(node, expression.references(), reads);
                Some(expression)
            }
            Err(error) => {
                self.bad_expression(node, &text, skipped + error.offset().unwrap_or(0), error.message());
                None
            }
        }
    }

    /// A value in which strings may hold `${{ … }}`.
    pub(super) fn template<'n>(&mut self, node: &'n Node, reads: &mut Vec<Read<'n>>) -> Option<Template> {
        match Template::parse(&node.json()) {
            Ok(template) => {
                note(node, template.references(), reads);
                Some(template)
            }
            Err(errors) => {
                for error in errors {
                    let place = node.pointed(&error.pointer);
                    let text = place.json();
                    self.bad_expression(
                        place,
                        text.as_str().unwrap_or_default(),
                        error.offset,
                        error.error.message(),
                    );
                }
                None
            }
        }
    }

    fn bad_expression(&mut self, node: &Node, text: &str, offset: usize, message: &str) {
        if !self.report.is_full() {
            let at = self.source.within(node, text, offset);
            let hint = "expressions are written in CEL: docs/guides/expressions.md shows what they can say";
            self.report.add(ProblemCode::BadExpression, at, message, hint);
        }
    }
}

fn note<'n, 'r>(node: &'n Node, found: impl IntoIterator<Item = &'r Reference>, reads: &mut Vec<Read<'n>>) {
    reads.extend(found.into_iter().map(|reference| Read { path: reference.path.clone(), node }));
}
