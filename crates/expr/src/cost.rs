//! What an evaluation would cost at worst over the inputs at hand, before it starts.

use std::{borrow::Cow, rc::Rc};

use cel::{
    IdedExpr,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, operators},
};
use serde_json::Value;

use crate::{
    Error, ErrorKind,
    compile::{Tree, Variable},
    functions::{self, Pattern},
    limits,
    shape::{Shape, Surveyor},
};

/// The work of compiling a pattern that is only known while evaluating.
const COMPILE_PATTERN: u64 = 8_000;

/// Estimates the work of evaluating `tree` over these inputs.
///
/// # Errors
///
/// [`ErrorKind::TooCostly`] if it is more than may be.
pub(crate) fn estimate(tree: &Tree, inputs: &[Result<Cow<'_, Value>, Error>]) -> Result<u64, Error> {
    let mut estimator =
        Estimator { inputs, patterns: &tree.patterns, bound: Vec::new(), surveyor: Surveyor::default() };
    let (cost, shape) = estimator.visit(&tree.root)?;
    let answer = estimator.surveyor.weight(&shape)?;
    within_limit(cost.saturating_add(answer.saturating_mul(3)))
}

fn within_limit(cost: u64) -> Result<u64, Error> {
    if cost > limits::MAX_COST {
        let message = format!(
            "evaluating this over these inputs could take {cost} units of work; {} are allowed",
            limits::MAX_COST
        );
        return Err(Error::new(ErrorKind::TooCostly, message));
    }
    Ok(cost)
}

struct Estimator<'a, 'v> {
    inputs: &'v [Result<Cow<'a, Value>, Error>],
    patterns: &'v [Pattern],
    bound: Vec<(&'v str, Shape<'v>)>,
    surveyor: Surveyor,
}

type Estimate<'v> = (u64, Shape<'v>);

impl<'v> Estimator<'_, 'v> {
    fn visit(&mut self, node: &'v IdedExpr) -> Result<Estimate<'v>, Error> {
        let (cost, shape) = match &node.expr {
            Expr::Literal(literal) => (1, literal_shape(literal)),
            Expr::Ident(name) => (2, self.variable(name)),
            Expr::Select(select) => {
                let (cost, shape) = self.visit(&select.operand)?;
                let member = match select.test {
                    true => Shape::Scalar,
                    false => self.surveyor.member(&shape, &select.field)?,
                };
                (cost.saturating_add(3), member)
            }
            Expr::Call(call) => self.call(call)?,
            Expr::List(list) => self.list(list)?,
            Expr::Map(map) => self.map(map)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension)?,
            Expr::Struct(_) | Expr::Unspecified => (1, Shape::Scalar),
        };
        Ok((within_limit(cost)?, shape))
    }

    fn variable(&self, name: &str) -> Shape<'v> {
        match Variable::parse(name) {
            Some(Variable::Read(index)) => match &self.inputs[index] {
                Ok(value) => Shape::Json(Rc::new([value.as_ref()])),
                Err(_) => Shape::Scalar,
            },
            Some(Variable::Has(_) | Variable::Pattern(_)) => Shape::Scalar,
            None => {
                let bound = self.bound.iter().rev().find(|(known, _)| *known == name);
                bound.map_or(Shape::Scalar, |(_, shape)| shape.clone())
            }
        }
    }

    fn list(&mut self, list: &'v ListExpr) -> Result<Estimate<'v>, Error> {
        let mut cost = 1_u64;
        let mut shapes = Vec::new();
        for element in &list.elements {
            let (element, shape) = self.visit(element)?;
            cost = cost.saturating_add(element).saturating_add(self.surveyor.copying(&shape)?);
            shapes.push(shape);
        }
        let len = shapes.len() as u64;
        Ok((cost, Shape::List(len, Rc::new(either(shapes)))))
    }

    fn map(&mut self, map: &'v MapExpr) -> Result<Estimate<'v>, Error> {
        let mut cost = 1_u64;
        let mut members = Vec::new();
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                continue;
            };
            let (key, key_shape) = self.visit(&entry.key)?;
            let (value, shape) = self.visit(&entry.value)?;
            let copies = self.surveyor.copying(&key_shape)?.saturating_add(self.surveyor.copying(&shape)?);
            cost = cost.saturating_add(key).saturating_add(value).saturating_add(copies);
            members.push((literal_text(&entry.key).map(str::to_owned), shape));
        }
        Ok((cost, Shape::Map(members.into())))
    }

    fn comprehension(&mut self, node: &'v ComprehensionExpr) -> Result<Estimate<'v>, Error> {
        let (range, range_shape) = self.visit(&node.iter_range)?;
        let (init, init_shape) = self.visit(&node.accu_init)?;
        let len = self.surveyor.len(&range_shape)?;
        let item = self.surveyor.item(&range_shape)?;
        let copying = self.surveyor.copying(&item)?;

        self.bound.push((&node.accu_var, init_shape));
        self.bound.push((&node.iter_var, item));
        let (condition, _) = self.visit(&node.loop_cond)?;
        let (step, step_shape) = self.visit(&node.loop_step)?;
        self.bound.pop();
        self.bound.pop();

        let round = condition.saturating_add(step).saturating_add(copying).saturating_add(3);
        let cost = range.saturating_add(init).saturating_add(len.saturating_mul(round));
        let shape = match as_list(&step_shape) {
            Some((added, item)) => Shape::List(len.saturating_mul(added), item),
            None => Shape::Scalar,
        };
        Ok((cost, shape))
    }

    fn call(&mut self, call: &'v CallExpr) -> Result<Estimate<'v>, Error> {
        let mut cost = 2_u64;
        let mut shapes = Vec::new();
        for arg in call.target.as_deref().into_iter().chain(&call.args) {
            let (arg, shape) = self.visit(arg)?;
            cost = cost.saturating_add(arg);
            shapes.push(shape);
        }
        let (own, shape) = self.operation(call, &shapes)?;
        Ok((cost.saturating_add(own), shape))
    }

    /// The work of the call itself, its arguments being there.
    fn operation(&mut self, call: &CallExpr, args: &[Shape<'v>]) -> Result<Estimate<'v>, Error> {
        match (call.func_name.as_str(), args) {
            (operators::CONDITIONAL, [_, yes, no]) => Ok((1, either(vec![yes.clone(), no.clone()]))),
            (operators::ADD, [left, right]) => self.addition(left, right),
            (operators::INDEX, [operand, _]) => Ok((
                3,
                match literal_text(&call.args[1]) {
                    Some(name) => self.surveyor.member(operand, name)?,
                    None => self.surveyor.any_member(operand)?,
                },
            )),
            (functions::EQUAL, [left, right]) => {
                let most = self.surveyor.weight(left)?.min(self.surveyor.weight(right)?);
                Ok((most.saturating_mul(3), Shape::Scalar))
            }
            (functions::IN, [value, within]) => self.membership(value, within),
            (functions::MATCHES, [text, _]) => self.matching(call, text),
            ("dyn", [value]) => Ok((1, value.clone())),
            ("string" | "bytes", [value]) => {
                let bytes = self.surveyor.bytes(value)?.max(64);
                Ok((2 + bytes / limits::BYTES_PER_UNIT, Shape::Text(bytes)))
            }
            (_, args) => {
                let mut bytes = 0_u64;
                for arg in args {
                    bytes = bytes.saturating_add(self.surveyor.bytes(arg)?);
                }
                Ok((1 + bytes / limits::BYTES_PER_UNIT, Shape::Scalar))
            }
        }
    }

    fn addition(&mut self, left: &Shape<'v>, right: &Shape<'v>) -> Result<Estimate<'v>, Error> {
        let bytes = self.surveyor.bytes(left)?.saturating_add(self.surveyor.bytes(right)?);
        let len = self.surveyor.len(left)?.saturating_add(self.surveyor.len(right)?);
        let mut cost = 1 + bytes / limits::BYTES_PER_UNIT;
        let mut shapes = Vec::new();
        if bytes > 0 {
            shapes.push(Shape::Text(bytes));
        }
        if len > 0 {
            let mut items = vec![self.surveyor.item(left)?];
            if !left.is(right) {
                items.push(self.surveyor.item(right)?);
            }
            let item = either(items);
            cost = cost.saturating_add(len.saturating_mul(self.surveyor.copying(&item)?));
            shapes.push(Shape::List(len, Rc::new(item)));
        }
        Ok((cost, either(shapes)))
    }

    fn membership(&mut self, value: &Shape<'v>, within: &Shape<'v>) -> Result<Estimate<'v>, Error> {
        let item = self.surveyor.item(within)?;
        let each = self.surveyor.weight(value)?.min(self.surveyor.weight(&item)?);
        let len = self.surveyor.len(within)?;
        Ok((len.saturating_mul(each.saturating_add(1)), Shape::Scalar))
    }

    fn matching(&mut self, call: &CallExpr, text: &Shape<'v>) -> Result<Estimate<'v>, Error> {
        let compiled = match &call.args[1].expr {
            Expr::Ident(name) => match Variable::parse(name) {
                Some(Variable::Pattern(index)) => self.patterns.get(index),
                Some(Variable::Read(_) | Variable::Has(_)) | None => None,
            },
            _ => None,
        };
        let (compiling, per_byte) = match compiled {
            Some(pattern) => (10, pattern.per_byte()),
            None => (COMPILE_PATTERN, Pattern::COMPUTED_PER_BYTE),
        };
        let bytes = self.surveyor.bytes(text)?;
        Ok((compiling.saturating_add(bytes.saturating_mul(per_byte)), Shape::Scalar))
    }
}

fn literal_shape<'v>(literal: &LiteralValue) -> Shape<'v> {
    match literal {
        LiteralValue::String(text) => Shape::Text(text.inner().len() as u64),
        LiteralValue::Bytes(bytes) => Shape::Text(bytes.inner().len() as u64),
        LiteralValue::Boolean(_)
        | LiteralValue::Double(_)
        | LiteralValue::Int(_)
        | LiteralValue::Null
        | LiteralValue::UInt(_) => Shape::Scalar,
    }
}

fn literal_text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Any of these; what is surely the same counts once, or doubling would outgrow the estimate itself.
fn either<'v>(shapes: Vec<Shape<'v>>) -> Shape<'v> {
    let mut different: Vec<Shape<'v>> = Vec::new();
    for shape in shapes {
        if !different.iter().any(|known| known.is(&shape)) {
            different.push(shape);
        }
    }
    match different.len() {
        0 => Shape::Scalar,
        1 => different.swap_remove(0),
        _ => Shape::Either(different.into()),
    }
}

/// The list among what a shape may be; the steps of a loop build no other.
fn as_list<'v>(shape: &Shape<'v>) -> Option<(u64, Rc<Shape<'v>>)> {
    match shape {
        Shape::List(len, item) => Some((*len, Rc::clone(item))),
        Shape::Either(shapes) => shapes.iter().find_map(as_list),
        Shape::Scalar | Shape::Text(_) | Shape::Map(_) | Shape::Json(_) => None,
    }
}
