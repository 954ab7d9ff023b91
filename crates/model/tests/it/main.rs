//! What a model call is.

mod errors;
mod fold;
