//! The wire formats, held to recorded shapes; and what is wrapped around models, with scripts.

mod anthropic;
mod availability;
mod bedrock;
mod breaker;
mod cohere;
mod conformance;
mod failures;
mod fallback;
mod frames;
mod gemini;
mod metered;
mod ollama;
mod openai;
mod retry;
mod scripted;
mod server;
mod support;
mod timeout;
mod vendors;
mod wire;
