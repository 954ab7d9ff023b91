//! Behaviour of the analysis through its public types, with diffs made by the real git.

#![expect(clippy::unwrap_used, reason = "a helper that cannot do its work ends its test")]

mod diff_limits;
mod diff_properties;
mod diff_shapes;
mod finding;
mod golden;
mod opinion;
mod repo;
mod report;
mod risk;
mod samples;
mod sarif;
mod secret_allow;
mod secret_diff;
mod secret_mask;
mod secret_rules;
