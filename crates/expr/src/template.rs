//! JSON values in which strings may hold `${{ … }}`.

use serde_json::{Map, Value};

use crate::{
    Error, ErrorKind, Expression, Reference, Scope, TemplateError, limits,
    text::{self, Embedded, Part},
};

/// The most expressions that one template may hold.
const MAX_EXPRESSIONS: usize = 500;

/// A JSON value in which strings may hold `${{ … }}`.
///
/// A string that is exactly one `${{ … }}` becomes whatever the expression evaluates to, of whatever type.
/// Otherwise the results are written into the text: strings as they are, null as nothing, anything else as
/// compact JSON. `$${{` stands for a `${{` that is meant literally. Keys are never templates.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: Value,
    node: Node,
}

/// One expression of a template, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateExpression<'t> {
    /// JSON pointer to the string within the template; empty for the template itself.
    pub pointer: String,
    /// Where the source of the expression starts in that string, in bytes.
    pub offset: usize,
    /// The expression.
    pub expression: &'t Expression,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    /// A value without expressions, except that `$${{` has become `${{`.
    Constant(Value),
    /// Exactly one expression, which keeps its type.
    Single(Embedded),
    Text(Vec<Part>),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Template {
    /// Compiles every expression of the value.
    ///
    /// # Errors
    ///
    /// Every problem of every string at once.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateError>> {
        let mut parser = Parser::default();
        let node = parser.value(value, &mut String::new(), 0);
        if parser.errors.is_empty() {
            let source = value.clone();
            Ok(Self { source, node })
        } else {
            Err(parser.errors)
        }
    }

    /// Compiles a single string.
    ///
    /// # Errors
    ///
    /// The first problem, its offset counted from the start of the text.
    pub fn parse_str(text: &str) -> Result<Self, Error> {
        Self::parse(&Value::from(text)).map_err(|errors| match errors.into_iter().next() {
            Some(first) => first.error,
            None => Error::new(ErrorKind::Syntax, "this is not a template"),
        })
    }

    /// Fills in the expressions.
    ///
    /// # Errors
    ///
    /// The first failure, as of [`Expression::evaluate`], and [`ErrorKind::TooCostly`] if the expressions are
    /// too costly together or the outcome is too large.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, Error> {
        self.check(scope)?;
        self.node.render(scope)
    }

    /// Refuses expressions that are bearable one by one, and not together, before any is evaluated.
    fn check(&self, scope: &dyn Scope) -> Result<(), Error> {
        let (mut cost, mut weight) = (0_u64, 0_u64);
        for found in self.expressions() {
            let own = found.expression.estimated_cost(scope);
            cost = cost.saturating_add(own);
            weight = weight.saturating_add(found.expression.passed_weight(scope));
            if own <= limits::MAX_COST && cost > limits::MAX_COST || weight > limits::MAX_PASSED {
                let message = "the expressions of this template are too costly together";
                return Err(Error::at(ErrorKind::TooCostly, found.offset, message));
            }
        }
        Ok(())
    }

    /// Lists its expressions, and where they stand.
    pub fn expressions(&self) -> Vec<TemplateExpression<'_>> {
        let mut found = Vec::new();
        self.node.collect(&mut String::new(), &mut found);
        found
    }

    /// Returns the static paths that its expressions read; their offsets count within each expression.
    pub fn references(&self) -> Vec<&Reference> {
        let expressions = self.expressions().into_iter();
        expressions.flat_map(|found| found.expression.references()).collect()
    }

    /// Estimates the work of all its evaluations, in the units of [`Expression::estimated_cost`].
    pub fn estimated_cost(&self, scope: &dyn Scope) -> u64 {
        self.expressions()
            .iter()
            .fold(0_u64, |cost, found| cost.saturating_add(found.expression.estimated_cost(scope)))
    }

    /// Returns the value it was compiled from.
    pub fn source(&self) -> &Value {
        &self.source
    }
}

impl Node {
    fn render(&self, scope: &dyn Scope) -> Result<Value, Error> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Single(embedded) => embedded.evaluate(scope),
            Self::Text(parts) => text::render(parts, scope).map(Value::String),
            Self::List(nodes) => {
                let items: Result<Vec<_>, _> = nodes.iter().map(|node| node.render(scope)).collect();
                items.map(Value::Array)
            }
            Self::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, node) in entries {
                    map.insert(key.clone(), node.render(scope)?);
                }
                Ok(Value::Object(map))
            }
        }
    }

    fn collect<'n>(&'n self, pointer: &mut String, found: &mut Vec<TemplateExpression<'n>>) {
        let mut add = |embedded: &'n Embedded| {
            found.push(TemplateExpression {
                pointer: pointer.clone(),
                offset: embedded.offset,
                expression: &embedded.expression,
            });
        };
        match self {
            Self::Constant(_) => {}
            Self::Single(embedded) => add(embedded),
            Self::Text(parts) => parts.iter().for_each(|part| match part {
                Part::Literal(_) => {}
                Part::Expression(embedded) => add(embedded),
            }),
            Self::List(nodes) => {
                for (at, node) in nodes.iter().enumerate() {
                    within(pointer, &at.to_string(), |pointer| node.collect(pointer, found));
                }
            }
            Self::Map(entries) => {
                for (key, node) in entries {
                    within(pointer, key, |pointer| node.collect(pointer, found));
                }
            }
        }
    }
}

/// Lengthens a JSON pointer for the time of a call.
fn within<T>(pointer: &mut String, name: &str, call: impl FnOnce(&mut String) -> T) -> T {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    let result = call(pointer);
    pointer.truncate(length);
    result
}

#[derive(Default)]
struct Parser {
    expressions: usize,
    errors: Vec<TemplateError>,
}

impl Parser {
    fn value(&mut self, value: &Value, pointer: &mut String, depth: usize) -> Node {
        if depth > limits::MAX_DEPTH {
            self.report(limits::too_deep(), pointer);
            return Node::Constant(Value::Null);
        }
        match value {
            Value::String(text) => self.text(text, pointer),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let nodes = items.map(|(at, item)| self.child(&at.to_string(), item, pointer, depth));
                Node::List(nodes.collect())
            }
            Value::Object(map) => {
                let entries = map.iter();
                let nodes = entries.map(|(key, item)| (key.clone(), self.child(key, item, pointer, depth)));
                Node::Map(nodes.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Node::Constant(value.clone()),
        }
    }

    fn child(&mut self, name: &str, value: &Value, pointer: &mut String, depth: usize) -> Node {
        within(pointer, name, |pointer| self.value(value, pointer, depth + 1))
    }

    fn text(&mut self, text: &str, pointer: &str) -> Node {
        let room = MAX_EXPRESSIONS - self.expressions;
        let mut errors = Vec::new();
        let parts = text::split(text, room, &mut errors);
        errors.into_iter().for_each(|error| self.report(error, pointer));
        let expressions = parts.iter().filter(|part| matches!(part, Part::Expression(_)));
        self.expressions += expressions.count();
        match <[Part; 1]>::try_from(parts) {
            Ok([Part::Literal(text)]) => Node::Constant(Value::String(text)),
            Ok([Part::Expression(embedded)]) => Node::Single(embedded),
            Err(parts) if parts.is_empty() => Node::Constant(Value::from("")),
            Err(parts) => Node::Text(parts),
        }
    }

    fn report(&mut self, error: Error, pointer: &str) {
        self.errors.push(TemplateError {
            pointer: pointer.to_owned(),
            offset: error.offset().unwrap_or_default(),
            error,
        });
    }
}
