//! What failed by no fault of a client, as metrics. What belongs to them is decided by whoever counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Counts failures by their code, and panics.
#[derive(Debug, Default)]
pub struct FaultMetrics {
    panics: AtomicU64,
    failures: Mutex<BTreeMap<&'static str, u64>>,
}

impl FaultMetrics {
    /// Nothing has failed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A route panicked and was caught.
    pub fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// A request failed with this code, of a closed set.
    pub fn failed(&self, code: &'static str) {
        *self.failures.lock().unwrap_or_else(PoisonError::into_inner).entry(code).or_default() += 1;
    }

    /// As OpenMetrics text, after what `before` tells of something else.
    pub fn render(&self, before: &str) -> String {
        let mut text = before.strip_suffix("# EOF\n").unwrap_or(before).to_owned();
        let name = "codeflow_request_panics";
        let panics = self.panics.load(Ordering::Relaxed);
        text.push_str(&format!("# HELP {name} Routes that panicked.\n# TYPE {name} counter\n"));
        text.push_str(&format!("{name}_total {panics}\n"));
        let name = "codeflow_request_failures";
        let help = "Requests that failed by no fault of the client, by the code of the error";
        text.push_str(&format!("# HELP {name} {help}.\n# TYPE {name} counter\n"));
        for (code, count) in &*self.failures.lock().unwrap_or_else(PoisonError::into_inner) {
            writeln!(text, "{name}_total{{code=\"{code}\"}} {count}")
                .expect("writing into a string never fails");
        }
        text.push_str("# EOF\n");
        text
    }
}
