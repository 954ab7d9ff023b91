//! The paths under `/api`.

mod changes;
mod connections;
mod deeds;
mod document;
mod errors;
mod flows;
pub(crate) mod house;
mod input;
mod leaks;
mod outlines;
mod safety;
mod script;
mod stack;
mod sweep;
