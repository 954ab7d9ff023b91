//! From text to the tree of nodes, within bounds: no recursion, no aliases, no tags, one document.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow::{self, Break, Continue};

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use serde_json::Value;

use super::Limits;
use super::node::{self, Content, Entry, Node};
use super::problem::{ProblemCode, Report, shown};
use super::source::Source;
use crate::Location;

/// Reads a document. Without a tree there is nothing more to say about it; with one there may be.
pub(super) fn read(source: &Source<'_>, report: &mut Report) -> Option<Node> {
    let mut builder = Builder { open: Vec::new(), root: None, report };
    for event in Parser::new_from_str(source.text) {
        match event {
            Ok((event, span)) => {
                if builder.take(event, span).is_break() {
                    break;
                }
                if builder.report.is_full() {
                    return None;
                }
            }
            Err(error) => {
                let message = format!("this is not YAML: {}", error.info());
                let hint = "check the indentation, the quotes and the brackets here and just before";
                builder.report.add(ProblemCode::Syntax, start(*error.marker()), message, hint);
                return None;
            }
        }
    }
    builder.root
}

fn start(marker: saphyr_parser::Marker) -> Location {
    Location { line: marker.line().max(1), column: marker.col() + 1 }
}

/// A list or mapping that has not ended yet.
struct Open {
    at: Location,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashSet<String>, key: Option<Key> },
}

struct Key {
    name: String,
    at: Location,
    /// Whether the key and its value are left out, because they were reported.
    broken: bool,
}

struct Builder<'r> {
    open: Vec<Open>,
    root: Option<Node>,
    report: &'r mut Report,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> ControlFlow<()> {
        let at = start(span.start);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) if self.root.is_some() => {
                let message = "a file holds one document, and here a second one starts";
                self.report.add(ProblemCode::Syntax, at, message, "move it to a file of its own");
                return Break(());
            }
            Event::DocumentStart(_) => {}
            Event::Alias(_) => {
                self.refuse(at, "an alias");
                self.put(Node { at, end: start(span.end), content: Content::Broken });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.check_properties(at, anchor, tag.is_some());
                self.scalar(text, style, span);
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_properties(at, anchor, tag.is_some());
                return self.enter(at, Inside::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.check_properties(at, anchor, tag.is_some());
                return self.enter(at, Inside::Map { entries: Vec::new(), seen: HashSet::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(start(span.end)),
        }
        Continue(())
    }

    fn check_properties(&mut self, at: Location, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.refuse(at, "an anchor");
        }
        if tagged {
            self.refuse(at, "a tag");
        }
    }

    fn refuse(&mut self, at: Location, what: &str) {
        let message = format!("{what} may not stand in a workflow");
        self.report.add(ProblemCode::Syntax, at, message, "write the value out where it is used");
    }

    fn enter(&mut self, at: Location, inside: Inside) -> ControlFlow<()> {
        if self.open.len() >= Limits::DEPTH {
            let message = format!("values are nested deeper than {} levels", Limits::DEPTH);
            self.report.add(ProblemCode::Limit, at, message, "flatten the value, or pass it as an input");
            self.root = None;
            return Break(());
        }
        self.open.push(Open { at, inside });
        Continue(())
    }

    fn leave(&mut self, end: Location) {
        let Some(Open { at, inside }) = self.open.pop() else { return };
        let content = match inside {
            Inside::List(items) => Content::List(items),
            Inside::Map { entries, .. } => Content::Map(entries),
        };
        self.put(Node { at, end, content });
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, span: Span) {
        let (at, end) = (start(span.start), start(span.end));
        if let Some(Open { inside: Inside::Map { key: key @ None, seen, .. }, .. }) = self.open.last_mut() {
            let merge = text == "<<" && style == ScalarStyle::Plain;
            let duplicate = !seen.insert(text.clone().into_owned());
            *key = Some(Key { name: text.into_owned(), at, broken: merge || duplicate });
            return self.report_key(at, merge, duplicate);
        }
        let content = self.value(&text, style, at);
        self.put(Node { at, end, content });
    }

    fn report_key(&mut self, at: Location, merge: bool, duplicate: bool) {
        if merge {
            self.refuse(at, "a merge key");
        } else if duplicate {
            let message = "this key stands twice in the same mapping";
            self.report.add(ProblemCode::DuplicateKey, at, message, "keep one of them");
        }
    }

    fn value(&mut self, text: &str, style: ScalarStyle, at: Location) -> Content {
        let value = if style == ScalarStyle::Plain { node::plain(text) } else { Ok(text.into()) };
        match value {
            Ok(Value::String(text)) if text.contains('\0') => {
                let message = "a text may not contain the character U+0000";
                self.report.add(ProblemCode::Syntax, at, message, "remove the escape `\\0`");
                Content::Broken
            }
            Ok(value) => Content::Scalar(value),
            Err(node::NotANumber) => {
                let message = format!("`{}` is a number that cannot be kept exactly", shown(text));
                self.report.add(ProblemCode::BadValue, at, message, "write it in quotes to keep it as text");
                Content::Broken
            }
        }
    }

    /// Hands a finished value to what is open around it.
    fn put(&mut self, mut node: Node) {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { entries, key, .. }) => match key.take() {
                Some(key) if key.broken => {}
                Some(Key { name, at, .. }) => {
                    if node.is_nothing() {
                        node.at = at;
                    }
                    entries.push(Entry { key: name, at, value: node });
                }
                None => {
                    *key = Some(Key { name: String::new(), at: node.at, broken: true });
                    let message = "a key must be a text on one line";
                    self.report.add(ProblemCode::Syntax, node.at, message, "use a plain name as the key");
                }
            },
        }
    }
}
