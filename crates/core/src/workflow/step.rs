//! Reading one step. How steps depend on each other, and on actions, is looked at when all are read.

use std::time::Duration;

use codeflow_expr::{Expression, Template};
use indexmap::IndexMap;
use serde_json::Value;

use super::compensation::Undo;
use super::context::{Context, Fields, Read};
use super::node::{Content, Entry, Node};
use super::problem::{ProblemCode, listed, shown};
use super::run;
use super::shape::{APPROVAL, FOR_EACH, RETRY, STEP, WAIT};
use super::{ForEach, Limits, OnError, Step, StepKind, StepName};
use crate::{ActionErrorKind, Location, RetryPolicy};

/// The keys that say what a step does; a step has exactly one.
pub(super) const KINDS: [&str; 5] = ["uses", "run", "approval", "wait", "sleep"];

/// A step as it was read, with the places that later checks speak about.
pub(super) struct Draft<'n> {
    pub(super) name: StepName,
    pub(super) at: Location,
    pub(super) needs: Vec<(StepName, Location)>,
    pub(super) condition: Option<Expression>,
    pub(super) condition_at: Location,
    pub(super) kind: Option<StepKind>,
    pub(super) uses_at: Location,
    pub(super) with: &'n [Entry],
    pub(super) for_each: Option<ForEach>,
    pub(super) for_each_node: Option<&'n Node>,
    /// What is read once, by `if` and `for_each`.
    pub(super) reads: Vec<Read<'n>>,
    /// What each iteration reads, if the step is repeated.
    pub(super) item_reads: Vec<Read<'n>>,
    always: bool,
    retry: RetryPolicy,
    timeout: Duration,
    on_error: OnError,
    pub(super) compensate: Option<Undo<'n>>,
}

impl<'n> Draft<'n> {
    fn new(name: StepName, at: Location) -> Self {
        Self {
            name,
            at,
            needs: Vec::new(),
            condition: None,
            condition_at: at,
            kind: None,
            uses_at: at,
            with: &[],
            for_each: None,
            for_each_node: None,
            reads: Vec::new(),
            item_reads: Vec::new(),
            always: false,
            retry: RetryPolicy::default(),
            timeout: Limits::DEFAULT_TIMEOUT,
            on_error: OnError::default(),
            compensate: None,
        }
    }

    /// Reads a step. Whatever is wrong with it, its name exists for the others.
    pub(super) fn read(entry: &'n Entry, ctx: &mut Context<'_>) -> Option<Self> {
        let mut draft = Self::new(ctx.name(&entry.key, entry.at)?, entry.at);
        if let Some(fields) = ctx.fields(&entry.value, entry.at, &STEP) {
            draft.read_order(fields, ctx);
            draft.read_kind(fields, ctx);
            draft.read_failure(fields, ctx);
        }
        Some(draft)
    }

    fn read_order(&mut self, fields: Fields<'n>, ctx: &mut Context<'_>) {
        if let Some(node) = fields.get("needs") {
            self.needs = needs(node, ctx);
        }
        if let Some(node) = fields.get("if") {
            self.condition_at = node.at;
            self.condition = ctx.expression(node, &mut self.reads);
        }
        if let Some(node) = fields.get("always") {
            self.always = ctx.flag(node).unwrap_or_default();
        }
        if let Some(node) = fields.get("for_each") {
            self.for_each_node = Some(node);
            self.for_each = for_each(node, ctx, &mut self.reads);
        }
    }

    fn read_kind(&mut self, fields: Fields<'n>, ctx: &mut Context<'_>) {
        let mut kinds = KINDS.iter().filter_map(|kind| fields.entry(kind));
        let Some(first) = kinds.next() else {
            let message = format!("step `{}` does nothing", self.name);
            let hint = format!("give it one of {}", listed(KINDS));
            return ctx.report.add(ProblemCode::MissingKey, self.at, message, hint);
        };
        for other in kinds {
            let message = format!("a step cannot have both `{}` and `{}`", first.key, other.key);
            ctx.report.add(ProblemCode::Conflict, other.at, message, "make two steps of it");
        }
        let repeats = matches!(first.key.as_str(), "uses" | "run");
        let misplaced = [("with", "`uses`", first.key == "uses"), ("for_each", "`uses` or `run`", repeats)];
        for (key, home, is_home) in misplaced {
            if let Some(entry) = fields.entry(key).filter(|_| !is_home) {
                let message =
                    format!("`{key}` belongs to a step with {home}, and this one has `{}`", first.key);
                ctx.report.add(ProblemCode::Conflict, entry.at, message, "remove it");
            }
        }
        self.kind = match first.key.as_str() {
            "uses" => self.read_uses(&first.value, fields, ctx),
            "run" => {
                self.uses_at = first.value.at;
                run::read(&first.value, &mut self.item_reads, ctx)
            }
            "approval" => read_approval(&first.value, ctx),
            "wait" => read_wait(&first.value, first.at, ctx),
            _ => ctx.duration(&first.value, Limits::SLEEP).map(|duration| StepKind::Sleep { duration }),
        };
    }

    fn read_uses(&mut self, node: &Node, fields: Fields<'n>, ctx: &mut Context<'_>) -> Option<StepKind> {
        self.uses_at = node.at;
        let mut with = IndexMap::new();
        if let Some(values) = fields.get("with") {
            self.with = ctx.entries(values, "a mapping of inputs")?;
            for entry in self.with {
                if let Some(template) = ctx.template(&entry.value, &mut self.item_reads) {
                    with.insert(entry.key.clone(), template);
                }
            }
        }
        let uses = ctx.text(node, "the name of an action")?;
        if let Some(name) = uses.strip_prefix("workflow/") {
            for entry in ["retry", "timeout"].iter().filter_map(|key| fields.entry(key)) {
                let message = format!(
                    "`{}` belongs to a step that runs an action, and this one calls a workflow",
                    entry.key
                );
                let hint = "give it to the steps of that workflow, or bound its time with its `budget.wall`";
                ctx.report.add(ProblemCode::Conflict, entry.at, message, hint);
            }
            return ctx.name(name, node.at).map(|uses| StepKind::Workflow { uses, with });
        }
        if let Ok(uses) = uses.parse() {
            return Some(StepKind::Action { uses, with });
        }
        let hint = "an action is named `group/name`, in lower-case letters, digits, `-` and `_`";
        let message = format!("`{}` is not the name of an action", shown(uses));
        ctx.report.add(ProblemCode::BadValue, node.at, message, hint);
        None
    }

    fn read_failure(&mut self, fields: Fields<'n>, ctx: &mut Context<'_>) {
        if let Some(node) = fields.entry("retry") {
            self.retry = retry(&node.value, node.at, ctx);
        }
        if let Some(timeout) = fields.get("timeout").and_then(|node| ctx.duration(node, Limits::TIMEOUT)) {
            self.timeout = timeout;
        }
        if let Some(node) = fields.get("on_error") {
            self.on_error = ctx.choice(node).unwrap_or_default();
        }
        if let Some(entry) = fields.entry("compensate") {
            if self.for_each_node.is_some() {
                let message = "a step with `for_each` cannot be undone as a whole";
                let hint = "move the step to a workflow of its own, and call that with `for_each`";
                ctx.report.add(ProblemCode::Conflict, entry.at, message, hint);
            }
            self.compensate = Undo::read(entry, ctx);
        }
    }

    /// The step, now that it is known what comes before it.
    pub(super) fn into_step(self, ancestors: Vec<StepName>) -> Option<Step> {
        let mut needs: Vec<StepName> = Vec::with_capacity(self.needs.len());
        for (name, _) in self.needs {
            if !needs.contains(&name) {
                needs.push(name);
            }
        }
        Some(Step {
            name: self.name,
            needs,
            ancestors,
            condition: self.condition,
            always: self.always,
            kind: self.kind?,
            for_each: self.for_each,
            retry: self.retry,
            timeout: self.timeout,
            on_error: self.on_error,
            compensate: self.compensate.map(Undo::into_compensation),
        })
    }
}

fn needs(node: &Node, ctx: &mut Context<'_>) -> Vec<(StepName, Location)> {
    let nodes = match &node.content {
        Content::List(items) => items.as_slice(),
        Content::Broken | Content::Scalar(_) | Content::Map(_) => std::slice::from_ref(node),
    };
    let mut read = |node: &Node| {
        let name = ctx.text(node, "the name of a step, or a list of them")?;
        Some((ctx.name(name, node.at)?, node.at))
    };
    nodes.iter().filter_map(&mut read).collect()
}

fn for_each<'n>(node: &'n Node, ctx: &mut Context<'_>, reads: &mut Vec<Read<'n>>) -> Option<ForEach> {
    if !matches!(node.content, Content::Map(_)) {
        return Some(ForEach { items: items(node, ctx, reads)?, parallel: Limits::DEFAULT_PARALLEL });
    }
    let fields = ctx.fields(node, node.at, &FOR_EACH)?;
    let parallel = fields.get("parallel").and_then(|node| ctx.whole(node, 1..=Limits::FOR_EACH_PARALLEL));
    let items = items(fields.get("items")?, ctx, reads)?;
    Some(ForEach { items, parallel: parallel.unwrap_or(Limits::DEFAULT_PARALLEL) })
}

fn items<'n>(node: &'n Node, ctx: &mut Context<'_>, reads: &mut Vec<Read<'n>>) -> Option<Template> {
    match &node.content {
        Content::List(items) if items.len() > Limits::FOR_EACH_ITEMS => {
            let message = format!("{} items are more than {}", items.len(), Limits::FOR_EACH_ITEMS);
            ctx.report.add(ProblemCode::Limit, node.at, message, "split the list");
            None
        }
        Content::List(_) => ctx.template(node, reads),
        Content::Scalar(Value::String(text)) if text.starts_with("${{") && text.ends_with("}}") => {
            ctx.template(node, reads)
        }
        Content::Broken | Content::Scalar(_) | Content::Map(_) => {
            ctx.wrong_type(
                node,
                "a list, or a `${{ … }}` that gives one",
                "for example `${{ inputs.files }}`",
            );
            None
        }
    }
}

pub(super) fn retry(node: &Node, at: Location, ctx: &mut Context<'_>) -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    let Some(fields) = ctx.fields(node, at, &RETRY) else { return policy };
    if let Some(attempts) = fields.get("attempts").and_then(|node| ctx.whole(node, 1..=Limits::ATTEMPTS)) {
        policy.attempts = attempts;
    }
    if let Some(backoff) = fields.get("backoff").and_then(|node| ctx.choice(node)) {
        policy.backoff = backoff;
    }
    if let Some(initial) = fields.get("initial").and_then(|node| ctx.duration(node, Limits::RETRY_WAIT)) {
        policy.initial = initial;
        policy.cap = policy.cap.max(initial);
    }
    if let Some(cap) = fields.get("cap").and_then(|node| ctx.duration(node, Limits::RETRY_WAIT)) {
        policy.cap = cap;
    }
    if let Some(kinds) = fields.get("on").and_then(|node| ctx.list(node, "a list of failures")) {
        policy.on = kinds.iter().filter_map(|kind| ctx.choice::<ActionErrorKind>(kind)).collect();
    }
    policy
}

fn read_approval(node: &Node, ctx: &mut Context<'_>) -> Option<StepKind> {
    let mut fields = Fields::default();
    if !node.is_nothing() {
        fields = ctx.fields(node, node.at, &APPROVAL)?;
    }
    let nodes = fields.get("roles").and_then(|node| ctx.list(node, "a list of roles")).unwrap_or_default();
    let roles =
        nodes.iter().filter_map(|node| ctx.text(node, "the name of a role")).map(str::to_owned).collect();
    let expires = fields.get("expires").and_then(|node| ctx.duration(node, Limits::WAIT));
    Some(StepKind::Approval { roles, expires: expires.unwrap_or(Limits::DEFAULT_WAIT) })
}

fn read_wait(node: &Node, at: Location, ctx: &mut Context<'_>) -> Option<StepKind> {
    let fields = ctx.fields(node, at, &WAIT)?;
    let timeout = fields.get("timeout").and_then(|node| ctx.duration(node, Limits::WAIT));
    let event: StepName = fields.get("event").and_then(|node| {
        let text = ctx.text(node, "the name of a signal")?;
        ctx.name(text, node.at)
    })?;
    Some(StepKind::Wait { event: event.into(), timeout: timeout.unwrap_or(Limits::DEFAULT_WAIT) })
}
