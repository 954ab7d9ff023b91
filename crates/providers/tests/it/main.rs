//! The wire formats, held to recorded shapes and to a server that misbehaves; and what is wrapped around models, with
//! scripts.

#![expect(clippy::panic, reason = "what helps a test may fail it")]

mod anthropic;
mod availability;
mod bedrock;
mod breaker;
mod cohere;
mod conformance;
mod costs;
mod failures;
mod fallback;
mod frames;
mod gemini;
mod leaks;
mod metered;
mod ollama;
mod openai;
mod retry;
mod scripted;
mod server;
mod support;
mod table;
mod timeout;
mod vendors;
mod wire;
mod world;
