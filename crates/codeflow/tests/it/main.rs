//! Tests of the facade, as a program that embeds it sees it.

mod budgets;
mod cache;
mod callers;
mod circuits;
mod doors;
mod drains;
mod hanging_up;
mod local;
mod misbehaviours;
mod models;
mod names;
mod project;
mod served;
mod wire;
