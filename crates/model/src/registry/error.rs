//! Why a model could not be found or an entry not be used.

use codeflow_core::{Class, Coded};

/// The registry cannot give what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct RegistryError {
    kind: RegistryErrorKind,
    context: String,
    suggestions: Vec<String>,
    #[source]
    source: Option<serde_json::Error>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegistryErrorKind {
    /// There is no such model.
    UnknownModel,
    /// The model is not served any more.
    RetiredModel,
    /// An entry in the settings cannot be used.
    InvalidEntry,
}

impl RegistryErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownModel => "registry.unknown_model",
            Self::RetiredModel => "registry.retired_model",
            Self::InvalidEntry => "registry.invalid_entry",
        }
    }
}

impl RegistryError {
    pub(crate) fn unknown(name: &str, near: Vec<String>) -> Self {
        let name: String = name.chars().take(128).collect();
        let mut context = format!("there is no model `{name}` in the registry");
        if !near.is_empty() {
            context.push_str(&format!("; did you mean `{}`?", near.join("`, `")));
        }
        Self { suggestions: near, ..Self::new(RegistryErrorKind::UnknownModel, context) }
    }

    pub(crate) fn retired(key: &str, successor: Option<String>) -> Self {
        let context = match &successor {
            Some(successor) => format!("`{key}` is retired; its successor is `{successor}`"),
            None => format!("`{key}` is retired, and no successor is known"),
        };
        let suggestions = successor.into_iter().collect();
        Self { suggestions, ..Self::new(RegistryErrorKind::RetiredModel, context) }
    }

    pub(crate) fn invalid(key: &str, what: &str) -> Self {
        Self::new(RegistryErrorKind::InvalidEntry, format!("the entry `{key}` cannot be used: {what}"))
    }

    pub(crate) fn with_source(self, source: serde_json::Error) -> Self {
        Self { source: Some(source), ..self }
    }

    fn new(kind: RegistryErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), suggestions: Vec::new(), source: None }
    }

    /// What went wrong.
    pub fn kind(&self) -> RegistryErrorKind {
        self.kind
    }

    /// Names to ask for instead: near misses, or the successor.
    pub fn suggestions(&self) -> &[String] {
        &self.suggestions
    }
}

impl Coded for RegistryError {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        match self.kind {
            RegistryErrorKind::UnknownModel | RegistryErrorKind::RetiredModel => Class::NotFound,
            RegistryErrorKind::InvalidEntry => Class::Invalid,
        }
    }
}
