//! Where histograms are cut, in seconds.

use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};

/// What the gateway adds to a call: 5 µs to 41 ms, doubling.
pub(crate) fn overhead() -> Histogram {
    Histogram::new(exponential_buckets(5e-6, 2.0, 14))
}

/// What a model takes to its first token: 50 ms to a minute.
pub(crate) fn first_token() -> Histogram {
    Histogram::new([0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0])
}
