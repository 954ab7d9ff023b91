//! JSON on both sides of an evaluation: lent to CEL without converting it, and made from what CEL answers.

use std::sync::OnceLock;

use cel::{
    ExecutionError,
    common::{
        traits::{self, Adder, Container, Indexer, Iterable, Sizer, Zeroer},
        types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelNull, CelString, CelUInt, Kind, Type},
        value::{CowVal, Val},
    },
};
use serde_json::{Map, Number, Value};

use crate::{Error, ErrorKind, functions};

/// Lends a JSON value to CEL.
pub(crate) fn lend<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => lend_number(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(_) | Value::Object(_) => Box::new(Lent::new(value)),
    }
}

fn lend_number<'v>(number: &Number) -> Box<dyn Val + 'v> {
    if let Some(value) = number.as_i64() {
        Box::new(CelInt::from(value))
    } else if let Some(value) = number.as_u64() {
        Box::new(CelUInt::from(value))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// A list or an object of which CEL sees only as much as it touches.
#[derive(Debug)]
struct Lent<'v> {
    value: &'v Value,
    /// What a loop goes over; made when the first one starts.
    items: OnceLock<Vec<Box<dyn Val + 'v>>>,
}

impl<'v> Lent<'v> {
    fn new(value: &'v Value) -> Self {
        Self { value, items: OnceLock::new() }
    }

    fn items(&self) -> &[Box<dyn Val + 'v>] {
        self.items.get_or_init(|| match self.value {
            Value::Array(items) => items.iter().map(lend).collect(),
            Value::Object(map) => {
                map.keys().map(|key| Box::new(CelString::from(key.as_str())) as Box<dyn Val + 'v>).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        })
    }

    fn len(&self) -> usize {
        match self.value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }

    fn find(&self, index: &dyn Val) -> Result<&'v Value, ExecutionError> {
        let found = match self.value {
            Value::Array(items) => position(index)?.and_then(|index| items.get(index)),
            Value::Object(map) => map.get(key(index)?),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        found.ok_or_else(|| match self.value {
            Value::Object(_) => ExecutionError::no_such_key(&functions::show(index)),
            _ => ExecutionError::IndexOutOfBounds(cel::Value::try_from(index).unwrap_or(cel::Value::Null)),
        })
    }
}

/// The name that an object is indexed with.
fn key(index: &dyn Val) -> Result<&str, ExecutionError> {
    match index.downcast_ref::<CelString<'_>>() {
        Some(key) => Ok(key.inner()),
        None => Err(unusable(index)),
    }
}

/// The position that a list is indexed with; `None` is past any end.
fn position(index: &dyn Val) -> Result<Option<usize>, ExecutionError> {
    if let Some(index) = index.downcast_ref::<CelInt>() {
        Ok(usize::try_from(*index.inner()).ok())
    } else if let Some(index) = index.downcast_ref::<CelUInt>() {
        Ok(usize::try_from(*index.inner()).ok())
    } else {
        Err(unusable(index))
    }
}

fn unusable(index: &dyn Val) -> ExecutionError {
    ExecutionError::UnexpectedType { got: index.get_type().name().to_owned(), want: "an index".to_owned() }
}

impl Val for Lent<'_> {
    fn get_type(&self) -> &Type {
        match self.value {
            Value::Array(_) => CelList::cel_type(),
            _ => CelMap::cel_type(),
        }
    }

    fn cel_type() -> &'static Type {
        CelMap::cel_type()
    }

    fn as_adder<'b, 'w>(&'b self) -> Option<&'b (dyn Adder + 'w)>
    where
        Self: 'w,
    {
        self.value.is_array().then_some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        functions::equal(self, other)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(Self::new(self.value))
    }
}

impl Adder for Lent<'_> {
    fn add<'b, 'w>(&'b self, rhs: &(dyn Val + 'w)) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let list: Vec<Box<dyn Val + 'w>> = self.items().iter().map(|i| i.clone_as_boxed()).collect();
        let sum = CelList::from(list).add(rhs)?.into_owned();
        Ok(CowVal::Owned(sum))
    }
}

impl Container for Lent<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        match self.value {
            Value::Object(map) => Ok(map.contains_key(key(value)?)),
            _ => Ok(self.items().iter().any(|item| functions::equal(item.as_ref(), value))),
        }
    }
}

impl Indexer for Lent<'_> {
    fn get<'b, 'w>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        Ok(CowVal::Owned(lend(self.find(index)?)))
    }

    fn steal<'w>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        Ok(lend(self.find(index)?))
    }
}

impl Iterable for Lent<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        Box::new(Items(self.items().iter()))
    }
}

impl Sizer for Lent<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.len()).unwrap_or(i64::MAX))
    }
}

impl Zeroer for Lent<'_> {
    fn is_zero_value(&self) -> bool {
        self.len() == 0
    }
}

struct Items<'b, 'v>(std::slice::Iter<'b, Box<dyn Val + 'v>>);

impl<'b, 'v: 'w, 'w> traits::Iterator<'b, 'w> for Items<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|item| item.as_ref() as &(dyn Val + 'w))
    }
}

/// Makes JSON of what an expression evaluated to.
pub(crate) fn take(val: &dyn Val) -> Result<Value, Error> {
    match val.get_type().kind() {
        Kind::List => {
            let mut items = Vec::new();
            functions::each(val, |item| {
                items.push(take(item)?);
                Ok(())
            })?;
            Ok(Value::Array(items))
        }
        Kind::Map => {
            let mut map = Map::new();
            functions::each(val, |key| {
                let item = functions::get(val, key).map_or(Ok(Value::Null), |item| take(item.as_ref()))?;
                map.insert(functions::show(key), item);
                Ok(())
            })?;
            Ok(Value::Object(map))
        }
        _ => take_scalar(val),
    }
}

fn take_scalar(val: &dyn Val) -> Result<Value, Error> {
    if let Some(text) = val.downcast_ref::<CelString<'_>>() {
        Ok(Value::from(text.inner()))
    } else if let Some(value) = val.downcast_ref::<CelBool>() {
        Ok(Value::from(*value.inner()))
    } else if let Some(value) = val.downcast_ref::<CelInt>() {
        Ok(Value::from(*value.inner()))
    } else if let Some(value) = val.downcast_ref::<CelUInt>() {
        Ok(Value::from(*value.inner()))
    } else if let Some(value) = val.downcast_ref::<CelDouble>() {
        match Number::from_f64(*value.inner()) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(Error::new(ErrorKind::Evaluation, format!("{} is no JSON number", value.inner()))),
        }
    } else if val.downcast_ref::<CelNull>().is_some() {
        Ok(Value::Null)
    } else {
        let name = functions::type_name(val);
        let message = format!("a {name} cannot be a result; use string(…) or int(…) on it");
        Err(Error::new(ErrorKind::Type, message))
    }
}
