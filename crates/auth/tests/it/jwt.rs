//! Access tokens.

mod attacks;
mod fleet;
mod forge;
mod issuing;
mod mutations;
mod rotation;
mod settings;
