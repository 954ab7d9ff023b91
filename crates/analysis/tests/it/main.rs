//! Behaviour of the analysis through its public types, with diffs made by the real git.

mod diff_limits;
mod diff_properties;
mod diff_shapes;
mod finding;
mod repo;
mod report;
mod risk;
mod samples;
mod sarif;
mod secret_allow;
mod secret_diff;
mod secret_rules;
