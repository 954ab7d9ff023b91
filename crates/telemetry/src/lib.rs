//! Metrics of the model gateway, as Prometheus reads them. What is counted is decided by whoever counts.
