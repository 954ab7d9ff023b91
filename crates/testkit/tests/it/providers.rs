//! The provider on this machine: what it says, what goes wrong, what it counts.

mod counts;
mod orders;
mod replies;
mod troubles;
mod world;
