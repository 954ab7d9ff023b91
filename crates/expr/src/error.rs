//! What can go wrong with an expression or a template, and the stable codes for it.

use std::fmt;

/// An expression could not be compiled or evaluated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    offset: Option<usize>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), offset: None }
    }

    pub(crate) fn at(kind: ErrorKind, offset: usize, message: impl Into<String>) -> Self {
        Self { offset: Some(offset), ..Self::new(kind, message) }
    }

    /// Says what sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the sentence that explains it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the byte of the source it is about, where one is known.
    ///
    /// For an error out of a [`Template`](crate::Template) it counts from the start of the string.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// Counts the offset from the start of a text in which the expression begins at `base`.
    pub(crate) fn moved_by(self, base: usize) -> Self {
        Self { offset: Some(self.offset.map_or(base, |offset| offset + base)), ..self }
    }
}

/// The sorts of failure that a caller may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The text is not an expression.
    Syntax,
    /// The source is longer than an expression may be.
    TooLong,
    /// Brackets, operators, member chains or macros are nested too deeply.
    TooDeep,
    /// Over these inputs the evaluation could take too long or grow too large.
    TooCostly,
    /// It calls a function that does not exist.
    UnknownFunction,
    /// It reads something that is not there.
    MissingKey,
    /// An operation does not apply to values of these types.
    Type,
    /// The evaluation failed, as in a division by zero.
    Evaluation,
}

impl ErrorKind {
    /// Returns the code of this failure; it never changes once released.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "expr.syntax",
            Self::TooLong => "expr.too_long",
            Self::TooDeep => "expr.too_deep",
            Self::TooCostly => "expr.too_costly",
            Self::UnknownFunction => "expr.unknown_function",
            Self::MissingKey => "expr.missing_key",
            Self::Type => "expr.type",
            Self::Evaluation => "expr.evaluation",
        }
    }
}

/// One problem of a template, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// JSON pointer to the string or key within the template; empty for the template itself.
    pub pointer: String,
    /// Byte offset within that string.
    pub offset: usize,
    /// What is wrong.
    pub error: Error,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{}", self.error),
            pointer => write!(f, "at {pointer}: {}", self.error),
        }
    }
}

impl std::error::Error for TemplateError {}
