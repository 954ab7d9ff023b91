//! Every route under `/api`, each behind its guard.

mod about;
mod control;
mod executions;
mod lists;
mod providers;
mod usage;
mod views;
mod workflows;

use super::office::Desk;

/// Registers all of them.
pub(crate) fn all(desk: Desk) -> Desk {
    let desk = about::routes(desk);
    let desk = providers::routes(desk);
    let desk = usage::routes(desk);
    let desk = workflows::routes(desk);
    let desk = executions::routes(desk);
    control::routes(desk)
}
