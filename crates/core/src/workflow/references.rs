//! What expressions read: whether it exists, and whether it is there by then.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::InputDef;
use super::context::Read;
use super::problem::{ProblemCode, Report, did_you_mean, listed, shown};
use super::step::Draft;
use super::types::Types;
use crate::Location;

/// What a settled step shows to expressions.
const STEP_FIELDS: [&str; 3] = ["outputs", "status", "error"];

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
    pub(super) inputs: &'a IndexMap<String, InputDef>,
    pub(super) drafts: &'a [Draft<'a>],
    pub(super) types: &'a Types<'a>,
}

impl References<'_> {
    pub(super) fn check(&self, reads: &[Read], place: Place<'_>, report: &mut Report) {
        for Read { path, at } in reads {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            match (names.as_slice(), place) {
                (["inputs", name, ..], _) => self.check_input(name, *at, report),
                (["steps", ..], Place::Start) => {
                    bad(
                        report,
                        *at,
                        "no step has run yet when this is evaluated".to_owned(),
                        "read inputs instead",
                    );
                }
                (["steps", name, rest @ ..], _) => self.check_step(name, rest, place, *at, report),
                (["inputs" | "steps"], _)
                | (["item" | "index", ..], Place::Repeated(_))
                | (_, Place::Start) => {}
                (["item" | "index", ..], _) => {
                    let message = format!("`{}` exists only in a step with `for_each`", names[0]);
                    bad(report, *at, message, "add `for_each`, or read something else");
                }
                (other, _) => unknown_root(other.first().copied().unwrap_or_default(), *at, report),
            }
        }
    }

    fn check_input(&self, name: &str, at: Location, report: &mut Report) {
        if !self.inputs.contains_key(name) {
            let names = || self.inputs.keys().map(String::as_str);
            let otherwise = || match self.inputs.is_empty() {
                true => "declare it under `inputs`".to_owned(),
                false => format!("the inputs are {}", listed(names())),
            };
            let hint = did_you_mean(name, names(), otherwise);
            bad(report, at, format!("there is no input `{}`", shown(name)), hint);
        }
    }

    fn check_step(&self, name: &str, rest: &[&str], place: Place<'_>, at: Location, report: &mut Report) {
        let Some(index) = self.drafts.iter().position(|draft| draft.name.as_str() == name) else {
            return bad(report, at, format!("there is no step `{}`", shown(name)), self.step_hint(name));
        };
        let before = match place {
            Place::Step(ancestors) | Place::Repeated(ancestors) => ancestors.contains(&index),
            Place::Outputs => true,
            Place::Start => false,
        };
        if !before {
            let message = format!("step `{name}` is not among the steps that must come before this one");
            return bad(report, at, message, format!("add `{name}` to `needs`"));
        }
        let Some((field, rest)) = rest.split_first() else { return };
        if !STEP_FIELDS.contains(field) {
            let hint = did_you_mean(field, STEP_FIELDS, || format!("write `steps.{name}.outputs.…`"));
            return bad(
                report,
                at,
                format!("a step has no `{}`, only {}", shown(field), listed(STEP_FIELDS)),
                hint,
            );
        }
        if let ("outputs", Some(output)) = (*field, rest.first()) {
            self.check_output(index, output, at, report);
        }
    }

    fn check_output(&self, step: usize, output: &str, at: Location, report: &mut Report) {
        let Some(spec) = self.types.spec(&self.drafts[step]) else { return };
        if self.drafts[step].for_each_node.is_none() && !spec.outputs.contains_key(output) {
            let names = || spec.outputs.keys().copied();
            let hint = did_you_mean(output, names(), || format!("its outputs are {}", listed(names())));
            bad(report, at, format!("`{}` has no output `{}`", spec.name, shown(output)), hint);
        }
    }

    /// A name with `-` needs brackets: `steps.my-step` is a subtraction.
    fn step_hint(&self, name: &str) -> String {
        let names = || self.drafts.iter().map(|draft| draft.name.as_str());
        let cut = names().find(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
        match cut {
            Some(whole) => format!("write `steps[\"{whole}\"]`: a name with `-` needs brackets and quotes"),
            None => did_you_mean(name, names(), || "name a step of this workflow".to_owned()),
        }
    }
}

fn unknown_root(root: &str, at: Location, report: &mut Report) {
    const ROOTS: [&str; 4] = ["inputs", "steps", "item", "index"];
    let hint = did_you_mean(root, ROOTS, || {
        "expressions read `inputs` and `steps`, and `item` and `index` in a `for_each`".to_owned()
    });
    bad(report, at, format!("there is no `{}`", shown(root)), hint);
}

fn bad(report: &mut Report, at: Location, message: String, hint: impl Into<String>) {
    report.add(ProblemCode::BadReference, at, message, hint);
}
