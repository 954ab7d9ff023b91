//! A string with `${{ … }}` in it, taken apart.

use cel::parser::pratt_parser::{Lexer, TokenKind};

use serde_json::Value;

use crate::{Error, ErrorKind, Expression, Scope, guard};

const OPEN: &str = "${{";

/// A stretch of a string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Literal(String),
    Expression(Embedded),
}

/// An expression within a string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Embedded {
    pub(crate) expression: Expression,
    /// Where its source starts in the string, in bytes.
    pub(crate) offset: usize,
}

impl Embedded {
    /// Evaluates it; an error counts its offset from the start of the string.
    pub(crate) fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        self.expression.evaluate(scope).map_err(|error| error.moved_by(self.offset))
    }
}

/// Puts a string together again, with results for its expressions.
pub(crate) fn render(parts: &[Part], scope: &dyn Scope) -> Result<String, Error> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Literal(literal) => text.push_str(literal),
            Part::Expression(embedded) => match embedded.evaluate(scope)? {
                Value::Null => {}
                Value::String(value) => text.push_str(&value),
                value @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    text.push_str(&value.to_string());
                }
            },
        }
    }
    Ok(text)
}

/// Takes a string apart; it may hold `room` expressions.
///
/// Errors are added to `errors`, their offsets counted from the start of `text`.
pub(crate) fn split(text: &str, room: usize, errors: &mut Vec<Error>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    let mut expressions = 0;
    while let Some(found) = text[at..].find(OPEN) {
        let open = at + found;
        let start = open + OPEN.len();
        if text[at..open].ends_with('$') {
            literal.push_str(&text[at..open - 1]);
            literal.push_str(OPEN);
            at = start;
            continue;
        }
        literal.push_str(&text[at..open]);
        if expressions == room {
            errors.push(Error::at(ErrorKind::TooLong, open, "the template has too many expressions"));
            return parts;
        }
        expressions += 1;
        let end = match end_of_expression(&text[start..]) {
            Ok(length) => start + length,
            Err(error) => {
                errors.push(error.moved_by(start));
                return parts;
            }
        };
        match parse(&text[start..end], start) {
            Ok(embedded) => {
                push_literal(&mut parts, &mut literal);
                parts.push(Part::Expression(embedded));
            }
            Err(error) => errors.push(error),
        }
        at = end + "}}".len();
    }
    literal.push_str(&text[at..]);
    push_literal(&mut parts, &mut literal);
    parts
}

fn push_literal(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Literal(std::mem::take(literal)));
    }
}

/// Compiles what stands between the braces, without the space around it.
fn parse(inner: &str, start: usize) -> Result<Embedded, Error> {
    let trimmed = inner.trim_start();
    let offset = start + inner.len() - trimmed.len();
    let trimmed = trimmed.trim_end();
    if trimmed.is_empty() {
        let message = "there is no expression between the braces";
        return Err(Error::at(ErrorKind::Syntax, start, message));
    }
    match Expression::parse(trimmed) {
        Ok(expression) => Ok(Embedded { expression, offset }),
        Err(error) => Err(error.moved_by(offset)),
    }
}

/// Finds the `}}` that ends an expression; braces within literals and maps do not.
fn end_of_expression(text: &str) -> Result<usize, Error> {
    let mut lexer = Lexer::new(text);
    let mut open = 0_usize;
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd => {
                return Err(Error::at(ErrorKind::Syntax, 0, "`${{` has no `}}`"));
            }
            TokenKind::TokError => return Err(guard::unreadable(&lexer, token)),
            TokenKind::TokLeftBrace => open += 1,
            TokenKind::TokRightBrace if open > 0 => open -= 1,
            TokenKind::TokRightBrace if text[token.end..].starts_with('}') => return Ok(token.start),
            _ => {}
        }
        if token.end > 2 * guard::MAX_SOURCE {
            return Err(Error::at(ErrorKind::TooLong, 0, "the expression is too long"));
        }
    }
}
