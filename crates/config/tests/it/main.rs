//! Tests of the settings: where they come from, who wins, and whom an error blames.

mod default_file;
mod environment;
mod errors;
mod sources;
