//! The layers of the stack, each for itself; `stack` puts them in order.

pub(super) mod bounds;
pub(super) mod cors;
pub(super) mod entrance;
pub(super) mod guarding;
pub(super) mod identify;
pub(super) mod trace;
