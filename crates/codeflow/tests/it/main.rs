//! Tests of the facade, as a program that embeds it sees it.

mod local;
mod models;
mod project;
