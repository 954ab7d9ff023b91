//! The one error of this crate and its stable codes. Parsing a diff cannot fail, so it has no kind here.

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something handed to the analysis could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    #[source]
    source: Option<BoxError>,
}

/// What went wrong, for callers who act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The baseline file is not one that this version writes.
    BadBaseline,
    /// The text names no severity.
    BadSeverity,
    /// The text names no report format.
    BadFormat,
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadBaseline => "analysis.bad_baseline",
            Self::BadSeverity => "analysis.bad_severity",
            Self::BadFormat => "analysis.bad_format",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}
