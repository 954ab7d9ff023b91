//! The two public wire formats as clients speak them.

mod chat_completions;
mod embeddings;
mod failures;
mod floods;
mod health;
mod hostile;
mod http2;
mod keys;
mod limits;
mod live;
mod manage;
mod messages;
mod readers;
mod routes;
mod serving;
mod sketch;
mod streams;
mod usage;
mod whole;
