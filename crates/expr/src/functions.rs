//! The functions of an expression: which there are, and those that we answer ourselves instead of CEL.

use std::{
    any::Any,
    sync::{Arc, LazyLock},
};

use cel::{
    Env, ExecutionError,
    common::{
        types::{CelBool, CelInt, CelString, CelUInt, DYN_TYPE, Kind, Type},
        value::{CowVal, StaticVal, Val},
    },
};
use regex::{Regex, RegexBuilder};

/// How a function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `size(x)`.
    Global,
    /// `x.size()`.
    Member,
}

/// `==`, also between lent and computed lists and objects.
pub(crate) const EQUAL: &str = "@equal";

/// `in`, with that equality.
pub(crate) const IN: &str = "@in_list";

/// `matches`, with patterns of bounded size.
pub(crate) const MATCHES: &str = "@matches";

/// The longest pattern that is made while evaluating.
const MAX_PATTERN: usize = 256;

const GLOBAL: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "matches",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
];

const MEMBER: &[&str] = &[
    "contains",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "matches",
    "size",
    "startsWith",
];

/// Names that stand for types, as in `type(x) == string`.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
];

/// Says whether there is such a function.
pub(crate) fn exists(name: &str, style: Style) -> bool {
    match style {
        Style::Global => GLOBAL.contains(&name),
        Style::Member => MEMBER.contains(&name),
    }
}

/// Says whether a name stands for a type.
pub(crate) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// The functions of CEL, without its optional values, and ours.
pub(crate) fn environment() -> Arc<Env> {
    static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::default().with_optional_support(false).with_stdlib();
        for (name, function) in [
            (EQUAL, answer_equal as cel::common::functions::Function),
            (IN, answer_in),
            (MATCHES, answer_matches),
        ] {
            env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], function)
                .expect("a name that begins with @ is not taken");
        }
        Arc::new(env)
    });
    Arc::clone(&ENV)
}

fn answer_equal<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    Ok(answer(equal(args[0].as_ref(), args[1].as_ref())))
}

fn answer_in<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (value, within) = (args[0].as_ref(), args[1].as_ref());
    let refusal = || {
        let types = vec![type_name(value).to_owned(), type_name(within).to_owned()];
        ExecutionError::no_such_overload("in", types)
    };
    if within.get_type().kind() == Kind::List {
        let mut found = false;
        each(within, |item| {
            found = found || equal(item, value);
            Ok::<(), ExecutionError>(())
        })?;
        return Ok(answer(found));
    }
    let container = within.as_container().ok_or_else(refusal)?;
    container.contains(value).map(answer).map_err(|_| refusal())
}

fn answer_matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let refusal = || {
        let types = args.iter().map(|arg| type_name(arg.as_ref()).to_owned());
        ExecutionError::no_such_overload("matches", types.collect())
    };
    let text = args[0].downcast_ref::<CelString<'_>>().ok_or_else(refusal)?;
    if let Some(pattern) = args[1].downcast_ref::<Pattern>() {
        return Ok(answer(pattern.regex.is_match(text.inner())));
    }
    let pattern = args[1].downcast_ref::<CelString<'_>>().ok_or_else(refusal)?;
    let pattern = Pattern::computed(pattern.inner())
        .map_err(|message| ExecutionError::function_error("matches", message))?;
    Ok(answer(pattern.regex.is_match(text.inner())))
}

fn answer<'b, 'v>(value: bool) -> CowVal<'b, 'v> {
    CowVal::owned(CelBool::from(value))
}

/// A regular expression of bounded size.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    per_byte: u64,
}

impl Pattern {
    /// How large a pattern that stands in the source may be once compiled, in steps; each step is dearer.
    const SIZES: [usize; 3] = [8 << 10, 64 << 10, 256 << 10];

    /// What matching one byte of text costs at worst with a computed pattern.
    pub(crate) const COMPUTED_PER_BYTE: u64 = 1 + MAX_PATTERN as u64 / 4;

    /// Compiles a pattern that stands in the source; the error says in one line what is wrong.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut result = Self::sized(text, Self::SIZES[0]);
        for size in &Self::SIZES[1..] {
            if let Err(regex::Error::CompiledTooBig(_)) = result {
                result = Self::sized(text, *size);
            }
        }
        result.map_err(complaint)
    }

    /// Compiles a pattern that an evaluation came up with.
    fn computed(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            return Err(format!("a computed pattern may have {MAX_PATTERN} bytes"));
        }
        Self::sized(text, Self::SIZES[0]).map_err(complaint)
    }

    /// What matching one byte of text costs at worst.
    ///
    /// A matcher that falls back on simulating the automaton visits, for each byte, as many states as the
    /// pattern has characters, or as its counted repetitions unfold to: some 4 nanoseconds for each.
    pub(crate) fn per_byte(&self) -> u64 {
        self.per_byte
    }

    fn sized(text: &str, size: usize) -> Result<Self, regex::Error> {
        let regex =
            RegexBuilder::new(text).size_limit(size).dfa_size_limit(1 << 20).nest_limit(32).build()?;
        let states = match text.contains('{') {
            true => size / 128,
            false => text.len(),
        };
        let per_byte = 1 + states as u64 / 4;
        Ok(Self { regex, per_byte })
    }
}

fn complaint(error: regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large once compiled".to_owned(),
        error => {
            let text = error.to_string();
            let line = text.lines().last().unwrap_or("it does not parse");
            format!("invalid pattern: {}", line.trim_start_matches("error: "))
        }
    }
}

impl Val for Pattern {
    fn get_type(&self) -> &Type {
        CelString::cel_type()
    }

    fn cel_type() -> &'static Type {
        CelString::cel_type()
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Pattern {}

/// Compares lists by their items and objects by their members, whoever holds them.
pub(crate) fn equal(left: &dyn Val, right: &dyn Val) -> bool {
    match (left.get_type().kind(), right.get_type().kind()) {
        (Kind::List, Kind::List) => {
            length(left) == length(right) && items(left).zip(items(right)).all(|(l, r)| equal(l, r))
        }
        (Kind::Map, Kind::Map) => {
            length(left) == length(right)
                && items(left).all(|key| match (get(left, key), get(right, key)) {
                    (Some(left), Some(right)) => equal(left.as_ref(), right.as_ref()),
                    _ => false,
                })
        }
        // A lent value would ask here again.
        (Kind::List | Kind::Map, _) | (_, Kind::List | Kind::Map) => false,
        _ => left.equals(right),
    }
}

fn length(val: &dyn Val) -> i64 {
    val.as_sizer().map_or(0, |sizer| *sizer.size().inner())
}

/// Goes over the items of a list or the keys of an object.
fn items<'b>(val: &'b dyn Val) -> impl Iterator<Item = &'b (dyn Val + 'b)> {
    let mut items = val.as_iterable().map(|iterable| iterable.iter());
    std::iter::from_fn(move || items.as_mut()?.next())
}

/// Calls `visit` with each item of a list or each key of an object.
pub(crate) fn each<E>(val: &dyn Val, mut visit: impl FnMut(&dyn Val) -> Result<(), E>) -> Result<(), E> {
    items(val).try_for_each(&mut visit)
}

/// Finds what a list or an object holds under a key.
pub(crate) fn get<'b>(val: &'b dyn Val, key: &dyn Val) -> Option<CowVal<'b, 'b>> {
    val.as_indexer()?.get(key).ok()
}

/// Writes a key the way it is written in JSON, without quotes.
pub(crate) fn show(key: &dyn Val) -> String {
    if let Some(text) = key.downcast_ref::<CelString<'_>>() {
        text.inner().to_owned()
    } else if let Some(number) = key.downcast_ref::<CelInt>() {
        number.inner().to_string()
    } else if let Some(number) = key.downcast_ref::<CelUInt>() {
        number.inner().to_string()
    } else if let Some(value) = key.downcast_ref::<CelBool>() {
        value.inner().to_string()
    } else {
        type_name(key).to_owned()
    }
}

/// Names the type of a value, in the words of the guide.
pub(crate) fn type_name(val: &dyn Val) -> &str {
    match val.get_type().name() {
        "null_type" => "null",
        "google.protobuf.Timestamp" => "timestamp",
        "google.protobuf.Duration" => "duration",
        name => name,
    }
}
