//! Behaviour of the project's own tasks: every rule is shown a planted violation.

mod error_pages;
mod layers;
mod manifests;
mod project;
mod sources;
