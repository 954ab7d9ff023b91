//! Tests that cross crates and processes, and what they share: a workflow that uses every kind of step, its
//! actions with a ledger of their effects, and repositories of any size. Nothing here ships.

#[expect(clippy::missing_panics_doc, clippy::panic, reason = "it belongs to tests, which fail by panicking")]
pub mod chaos;
pub mod history;
pub mod ledger;
pub mod program;
