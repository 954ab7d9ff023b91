//! Tests of the facade, as a program that embeds it sees it.

mod backups;
mod browser;
mod budgets;
mod cache;
mod callers;
mod circuits;
mod connections;
mod doors;
mod drains;
mod executions;
mod faults;
mod forge;
mod hanging_up;
mod identity;
mod limits;
mod local;
mod misbehaviours;
mod models;
mod names;
mod outside;
mod project;
mod served;
mod sharing;
mod wire;

use codeflow::config::Environment;

/// What git needs, and nothing else that is set here: with a vendor's key of the developer's, steps would ask the vendor.
fn environment() -> Environment {
    let process = Environment::process();
    Environment::from(["PATH", "HOME"].map(|name| (name, process.find(name).unwrap_or_default().to_owned())))
}
