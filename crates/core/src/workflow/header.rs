//! Reading what stands above the steps: triggers, inputs, permissions, concurrency and budget.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{Context, Read};
use super::node::{Content, Entry, Node, kind_of};
use super::problem::{ProblemCode, listed, shown};
use super::shape::{BUDGET, CONCURRENCY, INPUT, TRIGGERS};
use super::{Budget, Concurrency, InputDef, Limits};
use crate::{Location, ValueType};

/// What a permission may say.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Access {
    /// It may be read.
    Read,
    /// It may be read and changed.
    Write,
    /// Neither, as if it were not mentioned.
    None,
}

/// Reads `on`: a name, a list of names, or a mapping from names to settings.
pub(super) fn triggers(node: &Node, ctx: &mut Context<'_>) -> BTreeMap<String, Value> {
    let names = match &node.content {
        Content::Map(entries) => {
            return entries.iter().filter_map(|entry| with_settings(entry, ctx)).collect();
        }
        Content::List(items) => items.as_slice(),
        Content::Broken | Content::Scalar(_) => std::slice::from_ref(node),
    };
    let mut read = |node: &Node| {
        let name = ctx.text(node, "a mapping of triggers, or their names")?;
        Some((trigger(name, node.at, ctx)?, json!({})))
    };
    names.iter().filter_map(&mut read).collect()
}

fn with_settings(entry: &Entry, ctx: &mut Context<'_>) -> Option<(String, Value)> {
    let name = trigger(&entry.key, entry.at, ctx)?;
    match &entry.value.content {
        Content::Scalar(Value::Null) => Some((name, json!({}))),
        Content::Broken | Content::List(_) | Content::Map(_) => Some((name, entry.value.json())),
        Content::Scalar(_) => {
            ctx.wrong_type(&entry.value, "a mapping of settings", "write `{}` if there are none");
            None
        }
    }
}

fn trigger(name: &str, at: Location, ctx: &mut Context<'_>) -> Option<String> {
    let names = || TRIGGERS.iter().map(|(name, _)| *name);
    let known = names().any(|known| known == name);
    if !known {
        let hint = ctx.report.did_you_mean(name, names(), || format!("the triggers are {}", listed(names())));
        ctx.report.add(ProblemCode::UnknownKey, at, format!("there is no trigger `{}`", shown(name)), hint);
    }
    known.then(|| name.to_owned())
}

/// Reads an input. Whatever is wrong with it, it exists for those who read it.
pub(super) fn input(entry: &Entry, ctx: &mut Context<'_>) -> Option<InputDef> {
    let fields = ctx.fields(&entry.value, entry.at, &INPUT).unwrap_or_default();
    let value_type = fields.get("type").and_then(|node| ctx.choice(node)).unwrap_or(ValueType::Any);
    let description = fields.get("description").and_then(|node| ctx.text(node, "a text")).map(str::to_owned);
    let default = fields.get("default").filter(|node| !matches!(node.content, Content::Broken));
    if let Some(node) = default
        && !value_type.admits(&node.json())
    {
        let found = kind_of(&node.json());
        let message = format!("the default of `{}` is {found}, not {value_type}", shown(&entry.key));
        ctx.report.add(ProblemCode::TypeMismatch, node.at, message, "change the default or the type");
    }
    Some(InputDef { value_type, default: default.map(Node::json), description })
}

pub(super) fn permission(entry: &Entry, ctx: &mut Context<'_>) -> Option<Access> {
    ctx.choice(&entry.value)
}

/// What is permitted, by scope: whether it may be changed too.
pub(super) fn granted(permissions: IndexMap<String, Access>) -> BTreeMap<String, bool> {
    let mentioned = permissions.into_iter().filter_map(|(scope, access)| match access {
        Access::Read => Some((scope, false)),
        Access::Write => Some((scope, true)),
        Access::None => None,
    });
    mentioned.collect()
}

pub(super) fn concurrency<'n>(
    entry: &'n Entry,
    ctx: &mut Context<'_>,
    reads: &mut Vec<Read<'n>>,
) -> Option<Concurrency> {
    let fields = ctx.fields(&entry.value, entry.at, &CONCURRENCY)?;
    let on_new = fields.get("on_new").and_then(|node| ctx.choice(node)).unwrap_or_default();
    let key = fields.get("key").and_then(|node| ctx.expression(node, reads))?;
    let most = fields.get("max").and_then(|node| ctx.whole(node, 1..=Limits::CONCURRENT)).unwrap_or(1);
    Some(Concurrency { key, most, on_new })
}

pub(super) fn budget(entry: &Entry, ctx: &mut Context<'_>) -> Budget {
    let Some(fields) = ctx.fields(&entry.value, entry.at, &BUDGET) else { return Budget::default() };
    let usd = fields.get("usd").and_then(|node| {
        let Content::Scalar(Value::Number(number)) = &node.content else {
            ctx.wrong_type(node, "an amount of dollars such as 0.40", "");
            return None;
        };
        // A number of JSON writes a millionth as `1e-6`.
        let text = number
            .as_f64()
            .filter(|_| number.is_f64())
            .map_or_else(|| number.to_string(), |value| value.to_string());
        let usd = text.parse().ok();
        if usd.is_none() {
            let message = format!("{text} is not an amount of dollars");
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
