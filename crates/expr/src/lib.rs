//! Conditions and value templates: CEL expressions, compiled once and bounded in size, depth and cost.
//!
//! What an expression may read is a [`Scope`]; nothing here knows about workflows, steps or storage.
//!
//! ```
//! use codeflow_expr::{Expression, Template};
//! use serde_json::json;
//!
//! let scope = json!({"steps": {"risk": {"outputs": {"score": 72, "level": "high"}}}});
//!
//! let condition = Expression::parse("steps.risk.outputs.score > 50")?;
//! assert!(condition.test(&scope)?);
//!
//! let text = Template::parse_str("risk is ${{ steps.risk.outputs.level }}")?;
//! assert_eq!(text.render(&scope)?, json!("risk is high"));
//! # Ok::<(), codeflow_expr::Error>(())
//! ```

mod compile;
mod cost;
mod error;
mod evaluate;
mod expression;
mod functions;
mod guard;
mod json;
mod limits;
mod path;
mod scope;
mod shape;
mod template;
mod text;

pub use error::{Error, ErrorKind, TemplateError};
pub use expression::{Expression, Reference};
pub use scope::{Node, Roots, Scope};
pub use template::{Template, TemplateExpression};
