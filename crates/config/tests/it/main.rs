//! Tests of the settings: where they come from, who wins, and whom an error blames.

mod connections;
mod default_file;
mod environment;
mod errors;
mod given;
mod guide;
mod keys;
mod models;
mod money;
mod profiles;
mod providers;
mod requests;
mod retention;
mod sandbox;
mod secrets;
mod serving;
mod sources;
mod workers;
