//! Limits that several processes count together.

mod alone;
mod subjects;
mod together;
mod world;
