//! What can be wrong with a workflow document, and the list that collects it while the document is read.

use std::collections::HashSet;

use super::Limits;
use crate::{Location, Problem, Problems};

/// The kinds of problem that a workflow document can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// It is not the YAML that we read.
    Syntax,
    /// It is larger than a bound.
    Limit,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// A key means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value has another type than the key takes.
    WrongType,
    /// A value has the right type but not a form that the key takes.
    BadValue,
    /// Two keys exclude each other, or one makes no sense without another.
    Conflict,
    /// `needs` names a step that does not exist.
    UnknownStep,
    /// `uses` names an action that does not exist.
    UnknownAction,
    /// Steps need each other in a circle.
    Cycle,
    /// A step can never run.
    Unreachable,
    /// An expression reads something that is not there.
    BadReference,
    /// A value of one type is given where another is taken.
    TypeMismatch,
    /// A text is not an expression.
    BadExpression,
    /// A step runs a command, and commands are not run here.
    CommandsOff,
    /// An action needs a permission that the workflow does not give.
    Permission,
}

impl ProblemCode {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "workflow.syntax",
            Self::Limit => "workflow.limit",
            Self::DuplicateKey => "workflow.duplicate_key",
            Self::UnknownKey => "workflow.unknown_key",
            Self::MissingKey => "workflow.missing_key",
            Self::WrongType => "workflow.wrong_type",
            Self::BadValue => "workflow.bad_value",
            Self::Conflict => "workflow.conflict",
            Self::UnknownStep => "workflow.unknown_step",
            Self::UnknownAction => "workflow.unknown_action",
            Self::Cycle => "workflow.cycle",
            Self::Unreachable => "workflow.unreachable",
            Self::BadReference => "workflow.bad_reference",
            Self::TypeMismatch => "workflow.type_mismatch",
            Self::BadExpression => "workflow.bad_expression",
            Self::CommandsOff => "workflow.commands_off",
            Self::Permission => "workflow.permission",
        }
    }
}

/// Collects problems, each once, up to [`Limits::PROBLEMS`].
#[derive(Default)]
pub(super) struct Report {
    problems: Vec<Problem>,
    seen: HashSet<(Location, String)>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        code: ProblemCode,
        at: Location,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let message = message.into();
        if !self.is_full() && self.seen.insert((at, message.clone())) {
            self.problems.push(Problem { code: code.code(), message, hint: hint.into(), location: at });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether further problems are left out, so that looking at them closely is of no use.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= Limits::PROBLEMS
    }

    /// The candidate that was probably meant, as the sentence of a hint; else `otherwise`.
    pub(super) fn did_you_mean<'c>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = &'c str>,
        otherwise: impl FnOnce() -> String,
    ) -> String {
        let tolerated = (word.chars().take(9).count() / 3).max(1);
        let considered = if self.is_full() || word.len() > 64 { 0 } else { 1_000 };
        candidates
            .into_iter()
            .take(considered)
            .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
            .filter(|(distance, _)| *distance <= tolerated)
            .min()
            .map_or_else(otherwise, |(_, candidate)| format!("did you mean `{candidate}`?"))
    }

    /// The problems, if there are any; when some may have been left out, one more says so.
    pub(super) fn into_problems(mut self) -> Option<Problems> {
        if self.is_full() {
            let last = self.problems.iter().map(|problem| problem.location).max();
            self.problems.push(Problem {
                code: ProblemCode::Limit.code(),
                message: format!("there may be more problems; {} are shown", Limits::PROBLEMS),
                hint: "fix these first".to_owned(),
                location: last.unwrap_or(Location { line: 1, column: 1 }),
            });
        }
        Problems::new(self.problems)
    }
}

/// Joins names for a message: `a`, `b`, `c`.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.into_iter().take(20).map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// Text of the document as a message may show it: short, and without control characters.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
