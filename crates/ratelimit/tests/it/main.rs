//! What limits promise: exact counts, honest waits, refunds, and a bound on memory.

mod decisions;
mod given;
mod headers;
mod many;
mod model;
mod subjects;
