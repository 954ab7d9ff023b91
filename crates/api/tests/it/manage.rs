//! The paths under `/api`.

mod changes;
mod document;
mod errors;
mod flows;
pub(crate) mod house;
mod input;
mod leaks;
mod safety;
mod script;
mod stack;
mod sweep;
