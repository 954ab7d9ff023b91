//! Commands in the sandbox, with real processes, seen from where the worker stands.

mod support;

mod ends;
mod harm;
mod isolation;
mod reduced;
mod values;
