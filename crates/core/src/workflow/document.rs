//! Reading a whole document: its own keys, then its steps, then everything that needs all of them.

use std::collections::BTreeMap;

use codeflow_expr::Template;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::context::{Context, Fields, Read};
use super::graph;
use super::node::{Content, Entry, Node, kind_of};
use super::problem::{ProblemCode, listed, shown};
use super::references::{Place, References};
use super::shape::{BUDGET, CONCURRENCY, INPUT, PERMISSION_LEVELS, TRIGGERS, WORKFLOW};
use super::step::Draft;
use super::types::Types;
use super::{Budget, Concurrency, InputDef, Limits, StepName, Workflow, WorkflowName, version};
use crate::{ActionCatalog, Location, ValueType};

/// A document's own keys, and its steps before they are put in order.
struct Document<'n> {
    name: Option<WorkflowName>,
    triggers: BTreeMap<String, Value>,
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
    let names: Vec<StepName> = document.drafts.iter().map(|draft| draft.name.clone()).collect();
    let mut drafts: Vec<Option<Draft<'_>>> = document.drafts.into_iter().map(Some).collect();
    let mut steps = Vec::with_capacity(drafts.len());
    for index in &order.sorted {
        let before = order.sorted.iter().filter(|other| order.ancestors[index].contains(other));
        steps.push(drafts[*index].take()?.into_step(before.map(|other| names[*other].clone()).collect())?);
    }
    Some(Workflow {
        name: document.name?,
        version: version::of(root),
        triggers: document.triggers,
        inputs: document.inputs,
        concurrency: document.concurrency,
        permissions: document.permissions,
        budget: document.budget,
        steps,
        outputs: document.outputs,
    })
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
            triggers: fields.get("on").map(|node| triggers(node, ctx)).unwrap_or_default(),
            inputs: named(fields, "inputs", ctx, input),
            concurrency: fields
                .entry("concurrency")
                .and_then(|e| concurrency(e, ctx, &mut concurrency_reads)),
            concurrency_reads,
            permissions: named(fields, "permissions", ctx, permission)
                .into_iter()
                .filter_map(|(k, v)| Some((k, v?)))
                .collect(),
            budget: fields.entry("budget").map(|entry| budget(entry, ctx)).unwrap_or_default(),
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
        }
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

fn triggers(node: &Node, ctx: &mut Context<'_>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut add = |name: &str, at: Location, settings: Value, ctx: &mut Context<'_>| {
        let names = || TRIGGERS.iter().map(|(name, _)| *name);
        if names().any(|known| known == name) {
            found.insert(name.to_owned(), settings);
        } else {
            let hint =
                ctx.report.did_you_mean(name, names(), || format!("the triggers are {}", listed(names())));
            ctx.report.add(
                ProblemCode::UnknownKey,
                at,
                format!("there is no trigger `{}`", shown(name)),
                hint,
            );
        }
    };
    if let Content::Map(entries) = &node.content {
        for entry in entries {
            let settings = match &entry.value.content {
                Content::Scalar(Value::Null) => json!({}),
                Content::Broken | Content::List(_) | Content::Map(_) => entry.value.json(),
                Content::Scalar(_) => {
                    ctx.wrong_type(&entry.value, "a mapping of settings", "write `{}` if there are none");
                    continue;
                }
            };
            add(&entry.key, entry.at, settings, ctx);
        }
        return found;
    }
    let names =
        if let Content::List(items) = &node.content { items.as_slice() } else { std::slice::from_ref(node) };
    for item in names {
        if let Some(name) = ctx.text(item, "a mapping of triggers, or their names") {
            add(name, item.at, json!({}), ctx);
        }
    }
    found
}

fn input(entry: &Entry, ctx: &mut Context<'_>) -> Option<InputDef> {
    let fields = ctx.fields(&entry.value, entry.at, &INPUT)?;
    let value_type = fields.get("type").and_then(|node| ctx.choice::<ValueType>(node));
    let description = fields.get("description").and_then(|node| ctx.text(node, "a text")).map(str::to_owned);
    let default = fields.get("default").map(|node| (node, node.json()));
    // An input of a broken type still exists for those who read it.
    let value_type = value_type.unwrap_or(ValueType::Any);
    if let Some((node, default)) = &default
        && !matches!(node.content, Content::Broken)
        && !value_type.admits(default)
    {
        let message = format!("the default of `{}` is {}, not {value_type}", entry.key, kind_of(default));
        ctx.report.add(ProblemCode::TypeMismatch, node.at, message, "change the default or the type");
    }
    Some(InputDef { value_type, default: default.map(|(_, value)| value), description })
}

fn permission(entry: &Entry, ctx: &mut Context<'_>) -> Option<Option<bool>> {
    let text = ctx.text(&entry.value, "`read`, `write` or `none`")?;
    match text {
        "write" => Some(Some(true)),
        "read" => Some(Some(false)),
        "none" => Some(None),
        _ => {
            let message = format!("`{}` is not one of {}", shown(text), listed(PERMISSION_LEVELS));
            let hint = ctx.report.did_you_mean(text, PERMISSION_LEVELS, String::new);
            ctx.report.add(ProblemCode::BadValue, entry.value.at, message, hint);
            None
        }
    }
}

fn concurrency<'n>(
    entry: &'n Entry,
    ctx: &mut Context<'_>,
    reads: &mut Vec<Read<'n>>,
) -> Option<Concurrency> {
    let fields = ctx.fields(&entry.value, entry.at, &CONCURRENCY)?;
    let on_new = fields.get("on_new").and_then(|node| ctx.choice(node)).unwrap_or_default();
    let key = fields.get("key").and_then(|node| ctx.expression(node, reads))?;
    Some(Concurrency { key, on_new })
}

fn budget(entry: &Entry, ctx: &mut Context<'_>) -> Budget {
    let Some(fields) = ctx.fields(&entry.value, entry.at, &BUDGET) else { return Budget::default() };
    let usd = fields.get("usd").and_then(|node| {
        let Content::Scalar(Value::Number(number)) = &node.content else {
            ctx.wrong_type(node, "an amount of dollars such as 0.40", "");
            return None;
        };
        let usd = number.to_string().parse().ok();
        if usd.is_none() {
            let message = format!("{number} is not an amount of dollars");
            ctx.report.add(
                ProblemCode::BadValue,
                node.at,
                message,
                "write a number such as 0.40, with at most six decimals",
            );
        }
        usd
    });
    Budget { usd, wall: fields.get("wall").and_then(|node| ctx.duration(node, Limits::SLEEP)) }
}
