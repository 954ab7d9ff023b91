//! What the doctor counted, as a metric. What is counted is the engine's.

use std::fmt::Write as _;

/// How much is out of order, by its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvariantSample {
    /// The kinds, from a closed set, and how much there is of each.
    pub violations: Vec<(&'static str, usize)>,
}

impl InvariantSample {
    /// As OpenMetrics text, after what `before` tells of something else.
    pub fn render(&self, before: &str) -> String {
        let mut text = before.strip_suffix("# EOF\n").unwrap_or(before).to_owned();
        let name = "codeflow_invariant_violations";
        let help = "What is out of order in storage; `codeflow doctor` tells more";
        text.push_str(&format!("# HELP {name} {help}.\n# TYPE {name} gauge\n"));
        for (kind, count) in &self.violations {
            writeln!(text, "{name}{{kind=\"{kind}\"}} {count}").expect("writing into a string never fails");
        }
        text.push_str("# EOF\n");
        text
    }
}
