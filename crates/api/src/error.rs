//! Why the body of a request cannot be understood. Every one of these is the client's to mend.

use codeflow_core::{Class, Coded};
use codeflow_model::BoxError;

/// The body of a request cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    field: Option<String>,
    #[source]
    source: Option<BoxError>,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// It is not JSON.
    InvalidJson,
    /// It is nested more deeply than anybody needs.
    TooDeep,
    /// A field that decides whom to ask stands there twice, so that two readers could disagree.
    AmbiguousField,
    /// A field is missing, or is not what it should be.
    InvalidField,
    /// A field asks for something that cannot be done here.
    UnsupportedField,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), field: None, source: None }
    }

    /// Something is wrong with one field: `rest` continues the sentence that its path begins.
    pub(crate) fn field(kind: ErrorKind, path: impl ToString, rest: &str) -> Self {
        let path = path.to_string();
        Self { kind, context: format!("`{path}` {rest}"), field: Some(path), source: None }
    }

    pub(crate) fn because(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The path of the field that is wrong, such as `messages[2].content[0].type`.
    pub fn path(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::InvalidJson, Self::TooDeep, Self::AmbiguousField, Self::InvalidField, Self::UnsupportedField];

    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidJson => "api.invalid_json",
            Self::TooDeep => "api.too_deep",
            Self::AmbiguousField => "api.ambiguous_field",
            Self::InvalidField => "api.invalid_field",
            Self::UnsupportedField => "api.unsupported_field",
        }
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        Class::Invalid
    }
}
