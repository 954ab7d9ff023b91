//! The wire formats, held to recorded shapes; and what is wrapped around models, with scripts.

mod anthropic;
mod availability;
mod breaker;
mod conformance;
mod failures;
mod fallback;
mod frames;
mod metered;
mod openai;
mod retry;
mod scripted;
mod support;
mod timeout;
mod wire;
