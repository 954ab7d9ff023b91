//! What a model call is.

mod course;
mod errors;
mod estimate;
mod fit;
mod fold;
mod price;
mod registry;
mod registry_lint;
mod walk;
