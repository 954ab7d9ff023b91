//! The two public wire formats as clients speak them.

mod chat_completions;
mod embeddings;
mod failures;
mod hostile;
mod messages;
mod readers;
mod sketch;
mod streams;
mod whole;
