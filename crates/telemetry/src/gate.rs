//! How requests fared at the gate, as a metric. Whose limit it was is said by kind, never by name.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use codeflow_ratelimit::{EndpointClass, GateObserver, Outcome, Scope};

const CLASSES: usize = EndpointClass::ALL.len();
const SCOPES: usize = Scope::ALL.len();

/// Counts how requests fared at the gate.
#[derive(Debug, Default)]
pub struct GateMetrics([[[AtomicU64; CLASSES]; SCOPES]; Outcome::ALL.len()]);

impl GateMetrics {
    /// Nothing is counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// As OpenMetrics text, after what `before` tells of something else; `degraded` tells whether limits that should be
    /// shared are counted in this process alone.
    pub fn render(&self, before: &str, degraded: bool) -> String {
        let mut text = before.strip_suffix("# EOF\n").unwrap_or(before).to_owned();
        let name = "codeflow_request_limits";
        let help = "Requests by what a limit said, whose it was, and the class of the route";
        text.push_str(&format!("# HELP {name} {help}.\n# TYPE {name} counter\n"));
        for outcome in Outcome::ALL {
            for (scope, class) in
                Scope::ALL.into_iter().flat_map(|s| EndpointClass::ALL.map(|class| (s, class)))
            {
                let count = self.count(outcome, scope, class).load(Ordering::Relaxed);
                let (outcome, scope, class) = (outcome.as_str(), scope.as_str(), class.as_str());
                if count > 0 {
                    let labels = format!("outcome=\"{outcome}\",scope=\"{scope}\",class=\"{class}\"");
                    writeln!(text, "{name}_total{{{labels}}} {count}")
                        .expect("writing into a string never fails");
                }
            }
        }
        let name = "codeflow_request_limits_degraded";
        let help = "Whether limits that should be shared are counted in this process alone";
        text.push_str(&format!(
            "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {}\n# EOF\n",
            u8::from(degraded)
        ));
        text
    }

    fn count(&self, outcome: Outcome, scope: Scope, class: EndpointClass) -> &AtomicU64 {
        &self.0[outcome as usize][scope as usize][class as usize]
    }
}

impl GateObserver for GateMetrics {
    fn decided(&self, outcome: Outcome, scope: Scope, class: EndpointClass) {
        self.count(outcome, scope, class).fetch_add(1, Ordering::Relaxed);
    }
}
