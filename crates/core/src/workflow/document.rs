//! Reading a whole document: its own keys, then its steps, then everything that needs all of them.

use std::collections::BTreeMap;

use codeflow_expr::Template;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::context::{Context, Fields, Read};
use super::node::{Content, Entry, Node};
use super::problem::ProblemCode;
use super::references::{Place, References};
use super::shape::WORKFLOW;
use super::step::Draft;
use super::types::Types;
use super::{Budget, Concurrency, InputDef, Limits, Step, StepName, Workflow, WorkflowName};
use super::{graph, header, schedules, version};
use crate::schedule::Schedule;
use crate::{ActionCatalog, Location, Tenant};

/// A document's own keys, and its steps before they are put in order.
struct Document<'n> {
    name: Option<WorkflowName>,
    triggers: BTreeMap<String, Value>,
    schedules: Vec<(Location, Schedule)>,
    inputs: IndexMap<String, InputDef>,
    concurrency: Option<Concurrency>,
    concurrency_reads: Vec<Read<'n>>,
    permissions: BTreeMap<String, bool>,
    budget: Budget,
    drafts: Vec<Draft<'n>>,
    outputs: IndexMap<String, Template>,
    outputs_reads: Vec<Read<'n>>,
}

/// Turns the tree of a document into a workflow; when it cannot, the report says why.
pub(super) fn compile(root: &Node, catalog: &dyn ActionCatalog, ctx: &mut Context<'_>) -> Option<Workflow> {
    let fields = ctx.fields(root, root.at, &WORKFLOW)?;
    let document = Document::read(fields, ctx)?;
    let order = graph::order(&document.drafts, ctx.report);
    document.check(&order, catalog, ctx);
    if !ctx.report.is_empty() {
        return None;
    }
    Some(Workflow {
        name: document.name?,
        tenant: Tenant::default(),
        version: version::of(root),
        triggers: document.triggers,
        schedules: document.schedules.into_iter().map(|(_, schedule)| schedule).collect(),
        inputs: document.inputs,
        concurrency: document.concurrency,
        permissions: document.permissions,
        budget: document.budget,
        steps: sorted(document.drafts, &order)?,
        outputs: document.outputs,
    })
}

fn sorted(drafts: Vec<Draft<'_>>, order: &graph::Order) -> Option<Vec<Step>> {
    let names: Vec<StepName> = drafts.iter().map(|draft| draft.name.clone()).collect();
    let mut drafts: Vec<Option<Draft<'_>>> = drafts.into_iter().map(Some).collect();
    let mut step = |index: &usize| {
        let before = order.sorted.iter().filter(|other| order.ancestors[index].contains(other));
        drafts[*index].take()?.into_step(before.map(|other| names[*other].clone()).collect())
    };
    order.sorted.iter().map(&mut step).collect()
}

impl<'n> Document<'n> {
    fn read(fields: Fields<'n>, ctx: &mut Context<'_>) -> Option<Self> {
        check_version(fields, ctx);
        let (mut concurrency_reads, mut outputs_reads) = (Vec::new(), Vec::new());
        let name = fields.get("name").and_then(|node| {
            let text = ctx.text(node, "the name of the workflow")?;
            ctx.name(text, node.at)
        });
        Some(Self {
            name,
            triggers: fields.get("on").map(|node| header::triggers(node, ctx)).unwrap_or_default(),
            schedules: fields.get("on").map(|node| schedules::read(node, ctx)).unwrap_or_default(),
            inputs: named(fields, "inputs", ctx, header::input),
            concurrency: fields
                .entry("concurrency")
                .and_then(|entry| header::concurrency(entry, ctx, &mut concurrency_reads)),
            concurrency_reads,
            permissions: header::granted(named(fields, "permissions", ctx, header::permission)),
            budget: fields.entry("budget").map(|entry| header::budget(entry, ctx)).unwrap_or_default(),
            outputs: named(fields, "outputs", ctx, |entry, ctx| {
                ctx.template(&entry.value, &mut outputs_reads)
            }),
            outputs_reads,
            drafts: steps(fields, ctx)?,
        })
    }

    fn check(&self, order: &graph::Order, catalog: &dyn ActionCatalog, ctx: &mut Context<'_>) {
        let types = Types { catalog, inputs: &self.inputs, drafts: &self.drafts };
        let references = References { source: ctx.source, types: &types };
        references.check(&self.concurrency_reads, Place::Start, ctx.report);
        references.check(&self.outputs_reads, Place::Outputs, ctx.report);
        for index in &order.sorted {
            let (draft, before) = (&self.drafts[*index], &order.ancestors[index]);
            let repeated = draft.for_each_node.is_some();
            let place = if repeated { Place::Repeated(before) } else { Place::Step(before) };
            references.check(&draft.reads, Place::Step(before), ctx.report);
            references.check(&draft.item_reads, place, ctx.report);
            if let Some(undo) = &draft.compensate {
                let with_itself = before.iter().copied().chain([*index]).collect();
                references.check(&undo.reads, Place::Step(&with_itself), ctx.report);
            }
        }
        schedules::check(&self.schedules, &self.inputs, ctx);
        for draft in &self.drafts {
            types.check(draft, &self.permissions, ctx);
        }
    }
}

/// Reads a mapping from names that the author chose.
fn named<'n, T>(
    fields: Fields<'n>,
    key: &str,
    ctx: &mut Context<'_>,
    mut read: impl FnMut(&'n Entry, &mut Context<'_>) -> Option<T>,
) -> IndexMap<String, T> {
    let entries = fields.get(key).and_then(|node| ctx.entries(node, "a mapping from names"));
    let mut found = IndexMap::new();
    for entry in entries.unwrap_or_default() {
        let name: Option<StepName> = ctx.name(&entry.key, entry.at);
        if let (Some(name), Some(value)) = (name, read(entry, ctx)) {
            found.insert(name.into(), value);
        }
    }
    found
}

fn check_version(fields: Fields<'_>, ctx: &mut Context<'_>) {
    if let Some(node) = fields.get("version")
        && !matches!(node.content, Content::Broken)
        && node.json() != json!(1)
    {
        let message = "this version of the format is not known";
        ctx.report.add(ProblemCode::BadValue, node.at, message, "write `version: 1`");
    }
}

fn steps<'n>(fields: Fields<'n>, ctx: &mut Context<'_>) -> Option<Vec<Draft<'n>>> {
    let node = fields.get("steps")?;
    let entries = ctx.entries(node, "a mapping from names to steps")?;
    if entries.is_empty() {
        ctx.report.add(ProblemCode::MissingKey, node.at, "a workflow needs at least one step", "add a step");
    }
    if entries.len() > Limits::STEPS {
        let message = format!("{} steps are more than {}", entries.len(), Limits::STEPS);
        let at = entries[Limits::STEPS].at;
        ctx.report.add(ProblemCode::Limit, at, message, "move some of them to a workflow of their own");
        return None;
    }
    Some(entries.iter().filter_map(|entry| Draft::read(entry, ctx)).collect())
}
