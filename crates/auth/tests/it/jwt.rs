//! Access tokens.

mod attacks;
mod forge;
mod issuing;
mod mutations;
mod rotation;
mod settings;
