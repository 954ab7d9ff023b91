//! Steps against the actions they use: inputs that are unknown, missing or of another type, and permissions.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::Value;

use super::context::Context;
use super::node::{Content, Entry, Node, kind_of};
use super::problem::{ProblemCode, listed, shown};
use super::step::Draft;
use super::{InputDef, StepKind};
use crate::{ActionCatalog, ActionName, ActionSpec, Location, ValueType};

/// The types of everything that a value can be made of.
pub(super) struct Types<'a> {
    pub(super) catalog: &'a dyn ActionCatalog,
    pub(super) inputs: &'a IndexMap<String, InputDef>,
    pub(super) drafts: &'a [Draft<'a>],
}

/// An action that a step uses, or that undoes it.
pub(super) struct Use<'a> {
    pub(super) uses: &'a ActionName,
    pub(super) at: Location,
    pub(super) with: &'a [Entry],
}

/// What a value in the document will be when it is used.
enum Given {
    /// Exactly this.
    Literal(Value),
    /// Something of this type.
    Typed(ValueType),
}

impl Types<'_> {
    /// What a step gives, as far as it is known. A repeated one gives what its iterations gave.
    pub(super) fn outputs(&self, draft: &Draft<'_>) -> Option<BTreeMap<&'static str, ValueType>> {
        use ValueType::{Any, Boolean, Integer, List, String};
        if draft.for_each_node.is_some() {
            return Some([("items", List), ("failed", Integer)].into());
        }
        match draft.kind.as_ref()? {
            StepKind::Action { uses, .. } => self.catalog.find(uses).map(|spec| spec.outputs.clone()),
            StepKind::Approval { .. } => {
                Some([("approved", Boolean), ("by", String), ("comment", Any)].into())
            }
            StepKind::Wait { .. } => Some([("payload", Any)].into()),
            StepKind::Sleep { .. } => Some(BTreeMap::new()),
            StepKind::Run(_) => self.catalog.find(&ActionName::run()).map(|spec| spec.outputs.clone()),
            StepKind::Workflow { .. } => None,
        }
    }

    /// Checks a step against its action, as far as the catalog knows actions at all.
    pub(super) fn check(
        &self,
        draft: &Draft<'_>,
        permissions: &BTreeMap<String, bool>,
        ctx: &mut Context<'_>,
    ) {
        if let Some(node) = draft.for_each_node {
            self.check_items(node, ctx);
        }
        if let Some(StepKind::Run(_)) = &draft.kind {
            self.check_run(draft, ctx);
        }
        if let Some(StepKind::Action { uses, .. }) = &draft.kind {
            self.check_use(&Use { uses, at: draft.uses_at, with: draft.with }, permissions, ctx);
        }
        if let Some(undo) = &draft.compensate {
            self.check_use(&undo.used(), permissions, ctx);
        }
    }

    fn check_run(&self, draft: &Draft<'_>, ctx: &mut Context<'_>) {
        if self.catalog.find(&ActionName::run()).is_none() && !self.catalog.names().is_empty() {
            let message = "commands are not run here";
            let hint = "settings allow them with `enabled = true` in `[sandbox]`";
            ctx.report.add(ProblemCode::CommandsOff, draft.uses_at, message, hint);
        }
    }

    fn check_use(&self, used: &Use<'_>, permissions: &BTreeMap<String, bool>, ctx: &mut Context<'_>) {
        match self.catalog.find(used.uses) {
            Some(spec) => {
                self.check_inputs(used, spec, ctx);
                check_permissions(used, spec, permissions, ctx);
            }
            None => self.unknown_action(used, ctx),
        }
    }

    fn unknown_action(&self, Use { uses, at, .. }: &Use<'_>, ctx: &mut Context<'_>) {
        let names = self.catalog.names();
        if !names.is_empty() {
            let names = || names.iter().map(ActionName::as_str);
            let hint = ctx
                .report
                .did_you_mean(uses.as_str(), names(), || format!("the actions are {}", listed(names())));
            ctx.report.add(ProblemCode::UnknownAction, *at, format!("there is no action `{uses}`"), hint);
        }
    }

    fn check_inputs(&self, used: &Use<'_>, spec: &ActionSpec, ctx: &mut Context<'_>) {
        let names = || spec.inputs.keys().copied();
        for Entry { key, at, value } in used.with {
            match spec.inputs.get(key.as_str()) {
                Some(input) if !input.required && value.is_nothing() => {}
                Some(input) => self.check_type(value, input.value_type, ctx),
                None => {
                    let message = format!("`{}` takes no input `{}`", spec.name, shown(key));
                    let hint =
                        ctx.report.did_you_mean(key, names(), || format!("it takes {}", listed(names())));
                    ctx.report.add(ProblemCode::UnknownKey, *at, message, hint);
                }
            }
        }
        let given = |name: &str| used.with.iter().any(|entry| entry.key == name);
        for (name, input) in spec.inputs.iter().filter(|(name, input)| input.required && !given(name)) {
            let message = format!("`{}` needs the input `{name}`", spec.name);
            ctx.report.add(ProblemCode::MissingKey, used.at, message, input.summary);
        }
    }

    fn check_items(&self, node: &Node, ctx: &mut Context<'_>) {
        let items = match &node.content {
            Content::Map(entries) => {
                entries.iter().find(|entry| entry.key == "items").map(|entry| &entry.value)
            }
            Content::Broken | Content::Scalar(_) | Content::List(_) => Some(node),
        };
        if let Some(items @ Node { content: Content::Scalar(Value::String(_)), .. }) = items {
            self.check_type(items, ValueType::List, ctx);
        }
    }

    fn check_type(&self, node: &Node, expected: ValueType, ctx: &mut Context<'_>) {
        let found = match self.given(node) {
            Given::Literal(value) if !expected.admits(&value) => kind_of(&value).to_owned(),
            Given::Typed(given) if !expected.accepts(given) => format!("a value of type {given}"),
            Given::Literal(_) | Given::Typed(_) => return,
        };
        let message = format!("expected {expected}, found {found}");
        ctx.report.add(ProblemCode::TypeMismatch, node.at, message, "");
    }

    fn given(&self, node: &Node) -> Given {
        let text = match &node.content {
            Content::Broken => return Given::Typed(ValueType::Any),
            Content::List(_) => return Given::Typed(ValueType::List),
            Content::Map(_) => return Given::Typed(ValueType::Object),
            Content::Scalar(Value::String(text)) if text.contains("${{") => text,
            Content::Scalar(value) => return Given::Literal(value.clone()),
        };
        let inner = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
        match inner {
            Some(inner) if !inner.contains("${{") => Given::Typed(self.type_of(inner.trim())),
            Some(_) | None => Given::Typed(ValueType::String),
        }
    }

    /// The type of an expression that is nothing but a path; of any other it is not known.
    fn type_of(&self, expression: &str) -> ValueType {
        let path: Vec<&str> = expression.split('.').collect();
        let known = match path.as_slice() {
            ["inputs", name] => self.inputs.get(*name).map(|input| input.value_type),
            ["index"] => Some(ValueType::Integer),
            ["steps", _, "status"] => Some(ValueType::String),
            ["steps", step, "outputs", output] => self.output(step, output),
            _ => None,
        };
        known.unwrap_or(ValueType::Any)
    }

    fn output(&self, step: &str, output: &str) -> Option<ValueType> {
        let draft = self.drafts.iter().find(|draft| draft.name.as_str() == step)?;
        self.outputs(draft)?.get(output).copied()
    }
}

fn check_permissions(
    used: &Use<'_>,
    spec: &ActionSpec,
    granted: &BTreeMap<String, bool>,
    ctx: &mut Context<'_>,
) {
    for needed in spec.permissions.iter().filter(|needed| needed.write) {
        if granted.get(needed.scope) != Some(&true) {
            let message =
                format!("`{}` writes `{}`, and the workflow does not permit it", spec.name, needed.scope);
            let hint = format!("add `{}: write` to `permissions`", needed.scope);
            ctx.report.add(ProblemCode::Permission, used.at, message, hint);
        }
    }
}
