//! The wire formats, held to recorded shapes.

mod anthropic;
mod conformance;
mod failures;
mod frames;
mod openai;
mod support;
