//! Every route under `/api`, each behind its guard.

mod about;
mod audit;
mod control;
mod errors;
mod executions;
mod keys;
mod limits;
mod lists;
mod me;
mod outside;
mod own_keys;
mod people;
mod permissions;
mod providers;
mod roles;
mod second_factor;
mod sessions;
mod sign_in;
mod usage;
mod users;
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
    let desk = control::routes(desk);
    let desk = sign_in::routes(desk);
    let desk = outside::routes(desk);
    let desk = me::routes(desk);
    let desk = second_factor::routes(desk);
    let desk = own_keys::routes(desk);
    let desk = sessions::routes(desk);
    let desk = users::routes(desk);
    let desk = roles::routes(desk);
    let desk = keys::routes(desk);
    let desk = audit::routes(desk);
    let desk = errors::routes(desk);
    limits::routes(desk)
}
