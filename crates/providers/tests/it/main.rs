//! The wire formats, held to recorded shapes.

mod anthropic;
mod bedrock;
mod cohere;
mod conformance;
mod failures;
mod frames;
mod gemini;
mod ollama;
mod openai;
mod server;
mod support;
mod vendors;
