//! Reading what undoes a step: an action, with everything that a step says about one.

use indexmap::IndexMap;

use super::context::{Context, Read};
use super::node::Entry;
use super::problem::{ProblemCode, shown};
use super::shape::COMPENSATE;
use super::step::retry;
use super::types::Use;
use super::{Compensation, Limits};
use crate::{Location, RetryPolicy};

/// What undoes a step, with the places that later checks speak about.
pub(super) struct Undo<'n> {
    compensation: Compensation,
    at: Location,
    with: &'n [Entry],
    /// What it reads: also what the step gave that it undoes.
    pub(super) reads: Vec<Read<'n>>,
}

impl<'n> Undo<'n> {
    pub(super) fn read(entry: &'n Entry, ctx: &mut Context<'_>) -> Option<Self> {
        let fields = ctx.fields(&entry.value, entry.at, &COMPENSATE)?;
        let (mut with, mut reads) = (IndexMap::new(), Vec::new());
        let mut entries: &'n [Entry] = &[];
        if let Some(node) = fields.get("with") {
            entries = ctx.entries(node, "a mapping of inputs").unwrap_or_default();
            for entry in entries {
                if let Some(template) = ctx.template(&entry.value, &mut reads) {
                    with.insert(entry.key.clone(), template);
                }
            }
        }
        let retry = fields.entry("retry").map(|entry| retry(&entry.value, entry.at, ctx));
        let timeout = fields.get("timeout").and_then(|node| ctx.duration(node, Limits::TIMEOUT));
        let node = fields.get("uses")?;
        let text = ctx.text(node, "the name of an action")?;
        let Some(uses) = text.parse().ok().filter(|_| !text.starts_with("workflow/")) else {
            let message = format!("`{}` is not the name of an action", shown(text));
            ctx.report.add(
                ProblemCode::BadValue,
                node.at,
                message,
                "a step is undone by an action, `group/name`",
            );
            return None;
        };
        let compensation = Compensation {
            uses,
            with,
            retry: retry.unwrap_or_else(RetryPolicy::default),
            timeout: timeout.unwrap_or(Limits::DEFAULT_TIMEOUT),
        };
        Some(Self { compensation, at: node.at, with: entries, reads })
    }

    /// The action, to be checked against what it takes.
    pub(super) fn used(&self) -> Use<'_> {
        Use { uses: &self.compensation.uses, at: self.at, with: self.with }
    }

    pub(super) fn into_compensation(self) -> Compensation {
        self.compensation
    }
}
