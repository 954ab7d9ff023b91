//! Times that were taken, and what is told of them.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// The fields `p50_ms`, `p95_ms` and `p99_ms`, which are null without times.
pub(super) fn quantiles(times: &[Duration]) -> Map<String, Value> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).map(|time| rounded(time.as_secs_f64() * 1e3))
    };
    let fields = [("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)];
    fields.into_iter().map(|(name, share)| (name.to_owned(), json!(at(share)))).collect()
}

/// Three digits after the point.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// The fields of both; those of the second count.
pub(super) fn joined(first: Map<String, Value>, second: Value) -> Map<String, Value> {
    let mut all = first;
    if let Value::Object(fields) = second {
        all.extend(fields);
    }
    all
}
