//! Tests that cross crates and processes, and what they share: a workflow that uses every kind of step, its
//! actions with a ledger of their effects, and repositories of any size. Nothing here ships.

pub mod history;
pub mod ledger;
pub mod program;
