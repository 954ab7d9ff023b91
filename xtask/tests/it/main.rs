//! Behaviour of the project's own tasks: every rule is shown a planted violation.

mod counting;
mod coverage;
mod error_pages;
mod fuzzing;
mod hooks;
mod layers;
mod manifests;
mod mutation;
mod project;
mod sources;
mod sweep;
