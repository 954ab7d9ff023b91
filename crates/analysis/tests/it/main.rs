//! Behaviour of the analysis through its public types.
