//! The paths under `/api`.

mod document;
mod flows;
pub(crate) mod house;
mod input;
mod leaks;
mod safety;
mod script;
mod stack;
mod sweep;
