//! One evaluation: inputs lent to CEL, its answer made JSON, its errors put into our words.

use cel::{
    Context, ExecutionError,
    common::{types::CelBool, value::CowVal},
    context::VariableResolver,
};
use serde_json::Value;

use crate::{
    Error, ErrorKind,
    compile::{Tree, Variable},
    expression::Inputs,
    functions::{self, Pattern},
    json,
};

/// The deepest tree that is evaluated on the caller's stack.
const SHALLOW: usize = 8;

/// What one level takes of the stack: about 50 KiB were measured, optimised or not.
const STACK_PER_LEVEL: usize = 96 << 10;

/// Evaluates a tree whose cost was found bearable.
///
/// CEL's evaluator takes so much stack that 40 levels end a process whose threads have 2 MiB. A tree that
/// is not shallow is therefore evaluated on a stack made for it; that takes some 30 microseconds more.
pub(crate) fn run(tree: &Tree, inputs: Inputs<'_>) -> Result<Value, Error> {
    if tree.depth <= SHALLOW {
        return evaluate(tree, inputs);
    }
    let broken = || Error::new(ErrorKind::Evaluation, "the evaluation could not be run");
    std::thread::scope(|threads| {
        std::thread::Builder::new()
            .name("expression".to_owned())
            .stack_size((tree.depth + SHALLOW) * STACK_PER_LEVEL)
            .spawn_scoped(threads, || evaluate(tree, inputs))
            .map_err(|_| broken())?
            .join()
            .map_err(|_| broken())?
    })
}

fn evaluate(tree: &Tree, inputs: Inputs<'_>) -> Result<Value, Error> {
    let variables = Variables { inputs, patterns: &tree.patterns };
    let mut context = Context::with_env(functions::environment());
    context.set_variable_resolver(&variables);
    match cel::Value::resolve_val(&tree.root, &context) {
        Ok(answer) => json::take(answer.as_ref()),
        Err(error) => Err(explain(&error, &variables)),
    }
}

struct Variables<'a> {
    inputs: Inputs<'a>,
    patterns: &'a [Pattern],
}

impl VariableResolver for Variables<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        Some(match Variable::parse(name)? {
            Variable::Read(index) => CowVal::Owned(json::lend(self.inputs[index].as_ref().ok()?)),
            Variable::Has(index) => CowVal::owned(CelBool::from(self.inputs[index].is_ok())),
            Variable::Pattern(index) => CowVal::Borrowed(self.patterns.get(index)?),
        })
    }
}

/// Puts an error of CEL into our words; theirs would quote whole values.
fn explain(error: &ExecutionError, variables: &Variables<'_>) -> Error {
    let (kind, message) = match error {
        ExecutionError::UndeclaredReference(name) => match Variable::parse(name) {
            Some(Variable::Read(index)) => match &variables.inputs[index] {
                Err(missing) => return missing.clone(),
                Ok(_) => (ErrorKind::Evaluation, "a value was lost".to_owned()),
            },
            _ => (ErrorKind::UnknownFunction, format!("there is no `{name}`")),
        },
        ExecutionError::NoSuchKey(key) => (ErrorKind::MissingKey, format!("'{key}' is not there")),
        ExecutionError::IndexOutOfBounds(index) => {
            let message = match index {
                cel::Value::Int(index) => format!("[{index}] is not there: the list ends before"),
                _ => "the list ends before that index".to_owned(),
            };
            (ErrorKind::MissingKey, message)
        }
        ExecutionError::NoSuchOverload(overload) => {
            let name = overload.function().trim_matches(['_', '@']);
            let message = format!("`{name}` does not apply to {}", and(overload.argument_types()));
            (ErrorKind::Type, message)
        }
        ExecutionError::UnsupportedBinaryOperator(name, left, right) => {
            let types = match (left, right) {
                // Null also stands for what CEL could not copy into the error.
                (cel::Value::Null, _) | (_, cel::Value::Null) => "values of these types".to_owned(),
                (left, right) => format!("{} and {}", left.type_of(), right.type_of()),
            };
            (ErrorKind::Type, format!("`{}` does not apply to {types}", symbol(name)))
        }
        ExecutionError::UnexpectedType { got, want } => {
            (ErrorKind::Type, format!("this is {got}, and it should be {want}"))
        }
        ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedKeyType(_)
        | ExecutionError::UnsupportedIndex(..) => {
            (ErrorKind::Type, "a value is of the wrong type here".to_owned())
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            (ErrorKind::Evaluation, "division by zero".to_owned())
        }
        ExecutionError::Overflow(name, ..) => {
            (ErrorKind::Evaluation, format!("`{}` overflows", symbol(name)))
        }
        ExecutionError::DuplicateKey(_) => {
            (ErrorKind::Evaluation, "the map has the same key twice".to_owned())
        }
        ExecutionError::FunctionError { function, message } => {
            (ErrorKind::Evaluation, format!("`{function}` failed: {}", shorten(message)))
        }
        _ => (ErrorKind::Evaluation, "the evaluation failed".to_owned()),
    };
    Error::new(kind, message)
}

fn symbol(name: &str) -> &str {
    match name {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        "negate" => "-",
        name => name,
    }
}

fn and(types: &[String]) -> String {
    types.join(" and ")
}

/// Keeps a message of a library to one line of bearable length.
fn shorten(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(200).collect()
}
