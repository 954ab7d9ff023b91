//! What is wrong with a value, in our words. What was sent is not repeated: it may be a password.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;

use super::super::problem::{Fault, FieldError};

/// The problems that one error of a schema is for whoever sent the value.
pub(super) fn tell(error: &ValidationError<'_>) -> Vec<FieldError> {
    let at = shown(error.instance_path().as_str());
    if let Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } =
        error.kind()
    {
        let field = |name: &String| {
            let name = shown(&name.replace('~', "~0").replace('/', "~1"));
            FieldError::of(format!("{at}/{name}"), Fault::Unknown, "is not known here")
        };
        return unexpected.iter().take(super::TOLD).map(field).collect();
    }
    if let Kind::Required { property } = error.kind() {
        let name = property.as_str().unwrap_or_default();
        return vec![FieldError::of(format!("{at}/{name}"), Fault::Missing, "is missing")];
    }
    if let Kind::OneOfNotValid { context } | Kind::AnyOf { context } = error.kind() {
        // One of the choices is mostly `null`; what is wrong with the others says more.
        let others = context.iter().filter(|errors| !matches!(&errors[..], [one] if is_type(one, error)));
        let told: Vec<_> = others.flatten().flat_map(tell).take(super::TOLD).collect();
        if !told.is_empty() {
            return told;
        }
    }
    vec![FieldError::of(at, Fault::Invalid, sentence(error.kind()))]
}

/// Whether an error says of the value of another that it is of the wrong type.
fn is_type(one: &ValidationError<'_>, other: &ValidationError<'_>) -> bool {
    matches!(one.kind(), Kind::Type { .. }) && one.instance_path() == other.instance_path()
}

fn shown(path: &str) -> String {
    path.chars().filter(|one| !one.is_control()).take(200).collect()
}

fn sentence(kind: &Kind) -> String {
    match kind {
        Kind::MaxLength { limit } => format!("has more than {limit} characters"),
        Kind::MinLength { limit } => format!("has fewer than {limit} characters"),
        Kind::Maximum { limit } => format!("is greater than {limit}"),
        Kind::Minimum { limit } => format!("is less than {limit}"),
        Kind::MaxItems { limit } => format!("has more than {limit} entries"),
        Kind::MinItems { limit } => format!("has fewer than {limit} entries"),
        Kind::MaxProperties { limit } => format!("has more than {limit} members"),
        Kind::UniqueItems => "has an entry twice".to_owned(),
        Kind::Pattern { pattern } => format!("does not have the form `{pattern}`"),
        Kind::Format { format } => format!("is no {format}"),
        Kind::Enum { options } => format!("is none of {options}"),
        Kind::Constant { expected_value } => format!("is not {expected_value}"),
        Kind::Type { kind } => match kind {
            jsonschema::error::TypeKind::Single(one) => format!("must be of type {one}"),
            jsonschema::error::TypeKind::Multiple(_) => "is of another type than it must be".to_owned(),
        },
        // Keywords that our schemas do not use.
        _ => "is not what it must be".to_owned(),
    }
}
