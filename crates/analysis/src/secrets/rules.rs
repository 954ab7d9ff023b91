//! The tables of secret rules, most specific first. Where two match the same text, the earlier one speaks.

mod cloud;
mod forges;
mod generic;
mod services;

use crate::secrets::rule::SecretRule;

/// Every table, in order of precedence.
pub(crate) static TABLES: [&[SecretRule]; 4] = [cloud::RULES, forges::RULES, services::RULES, generic::RULES];
