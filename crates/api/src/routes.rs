//! The routes, a file each. A route reads, asks one thing of the gateway, and writes.

pub(crate) mod chat;
pub(crate) mod embeddings;
mod gather;
pub(crate) mod models;
pub(crate) mod openapi;
pub(crate) mod streams;
pub(crate) mod tokens;
pub(crate) mod vitals;
