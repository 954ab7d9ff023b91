//! What a model call is.

mod errors;
mod fit;
mod fold;
mod price;
mod registry;
mod registry_lint;
