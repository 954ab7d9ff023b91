//! What expressions read: whether it exists, and whether it is there by then.

use std::collections::BTreeSet;

use super::context::Read;
use super::problem::{ProblemCode, Report, listed, shown};
use super::source::Source;
use super::types::Types;

/// What a settled step shows to expressions.
const STEP_FIELDS: [&str; 3] = ["outputs", "status", "error"];

/// What an execution shows to expressions.
const EXECUTION_FIELDS: [&str; 3] = ["id", "workflow", "version"];

/// What expressions read; the last two only in a step that is repeated.
const ROOTS: [&str; 5] = ["inputs", "steps", "execution", "item", "index"];

/// Where an expression stands, and so what it may read.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a step: the steps before it.
    Step(&'a BTreeSet<usize>),
    /// In a step that is repeated: these, and the item.
    Repeated(&'a BTreeSet<usize>),
    /// In the outputs of the workflow: all steps.
    Outputs,
    /// Before any step has run; what the trigger brings has names that are not known here.
    Start,
}

/// Checks what expressions read against what there is.
pub(super) struct References<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) types: &'a Types<'a>,
}

/// What is wrong with a reference, and a hint.
type Objection = (String, String);

impl References<'_> {
    pub(super) fn check(&self, reads: &[Read<'_>], place: Place<'_>, report: &mut Report) {
        for Read { path, node } in reads {
            if report.is_full() {
                return;
            }
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if let Some((message, hint)) = self.objection(&path, place, report) {
                let (whole, owner) = (path.join("."), path[..path.len().min(2)].join("."));
                let root = path.first().copied().unwrap_or_default();
                let at = self.source.find(node, &[&whole, &owner, root]);
                report.add(ProblemCode::BadReference, at, message, hint);
            }
        }
    }

    fn objection(&self, path: &[&str], place: Place<'_>, report: &Report) -> Option<Objection> {
        match (path, place) {
            (["inputs", name, ..], _) => self.input(name, report),
            (["steps", ..], Place::Start) => Some((
                "no step has run yet when this is evaluated".to_owned(),
                "read inputs instead".to_owned(),
            )),
            (["steps", name, rest @ ..], _) => self.step(name, rest, place, report),
            (["execution", field, ..], _) => {
                let hint = || report.did_you_mean(field, EXECUTION_FIELDS, String::new);
                let message =
                    || format!("an execution has no `{}`, only {}", shown(field), listed(EXECUTION_FIELDS));
                (!EXECUTION_FIELDS.contains(field)).then(|| (message(), hint()))
            }
            (["inputs" | "steps" | "execution"], _)
            | (["item" | "index", ..], Place::Repeated(_))
            | (_, Place::Start) => None,
            ([name @ ("item" | "index"), ..], _) => Some((
                format!("`{name}` exists only where a `for_each` step does its work"),
                "read it in `with`, of a step that has `for_each`".to_owned(),
            )),
            (other, _) => {
                let root = other.first().copied().unwrap_or_default();
                let hint = report.did_you_mean(root, ROOTS, || format!("expressions read {}", listed(ROOTS)));
                Some((format!("there is no `{}`", shown(root)), hint))
            }
        }
    }

    fn input(&self, name: &str, report: &Report) -> Option<Objection> {
        if self.types.inputs.contains_key(name) {
            return None;
        }
        let names = || self.types.inputs.keys().map(String::as_str);
        let otherwise = || match self.types.inputs.is_empty() {
            true => "declare it under `inputs`".to_owned(),
            false => format!("the inputs are {}", listed(names())),
        };
        let hint = report.did_you_mean(name, names(), otherwise);
        Some((format!("there is no input `{}`", shown(name)), hint))
    }

    fn step(&self, name: &str, rest: &[&str], place: Place<'_>, report: &Report) -> Option<Objection> {
        let Some(index) = self.types.drafts.iter().position(|draft| draft.name.as_str() == name) else {
            return Some((format!("there is no step `{}`", shown(name)), self.step_hint(name, report)));
        };
        let before = match place {
            Place::Step(ancestors) | Place::Repeated(ancestors) => ancestors.contains(&index),
            Place::Outputs => true,
            Place::Start => false,
        };
        if !before {
            let message = format!("step `{name}` is not among the steps that must come before this one");
            return Some((message, format!("add `{name}` to `needs`")));
        }
        let (field, rest) = rest.split_first()?;
        if !STEP_FIELDS.contains(field) {
            let hint = report.did_you_mean(field, STEP_FIELDS, || format!("write `steps.{name}.outputs.…`"));
            return Some((format!("a step has no `{}`, only {}", shown(field), listed(STEP_FIELDS)), hint));
        }
        if *field == "outputs" { self.output(index, rest.first()?, report) } else { None }
    }

    fn output(&self, step: usize, output: &str, report: &Report) -> Option<Objection> {
        let draft = &self.types.drafts[step];
        let outputs = self.types.outputs(draft)?;
        if outputs.contains_key(output) {
            return None;
        }
        let names = || outputs.keys().copied();
        let hint = report.did_you_mean(output, names(), || match outputs.is_empty() {
            true => "it gives nothing".to_owned(),
            false => format!("its outputs are {}", listed(names())),
        });
        Some((format!("step `{}` has no output `{}`", draft.name, shown(output)), hint))
    }

    /// A name with `-` needs brackets: `steps.my-step` is a subtraction.
    fn step_hint(&self, name: &str, report: &Report) -> String {
        let names = || self.types.drafts.iter().map(|draft| draft.name.as_str());
        let cut = names().find(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
        match cut {
            Some(whole) => format!("write `steps[\"{whole}\"]`: a name with `-` needs brackets and quotes"),
            None => report.did_you_mean(name, names(), || "name a step of this workflow".to_owned()),
        }
    }
}
