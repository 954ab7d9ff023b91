//! What limits promise: exact counts, honest waits, refunds, and a bound on memory.

mod addresses;
mod decisions;
mod gates;
mod given;
mod headers;
mod keeper;
mod many;
mod model;
mod rules;
mod shared;
mod subjects;
