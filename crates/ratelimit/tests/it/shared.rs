//! Limits that several processes count together.

mod alone;
mod together;
mod world;
