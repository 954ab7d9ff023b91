//! Metrics of a worker: read when they are asked for, so that working costs nothing.

use std::fmt::Write as _;
use std::time::Duration;

/// How a worker is at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkerSample {
    /// Whether it takes work.
    pub is_ready: bool,
    /// Tasks that it held at its last sign of life.
    pub running: usize,
    /// How many tasks it runs at most.
    pub concurrency: usize,
    /// How long ago its lease was renewed, if it has one.
    pub renewed: Option<Duration>,
    /// Whether wake-ups are heard; none when it only polls.
    pub hears: Option<bool>,
    /// Wake-ups that it sent.
    pub rings: u64,
}

impl WorkerSample {
    /// As OpenMetrics text, after what `before` tells of something else.
    pub fn render(&self, before: &str) -> String {
        let mut text = before.strip_suffix("# EOF\n").unwrap_or(before).to_owned();
        gauge(&mut text, "ready", "Whether the worker takes work", f64::from(u8::from(self.is_ready)));
        gauge(&mut text, "running", "Tasks held at the last sign of life", self.running as f64);
        gauge(&mut text, "concurrency", "Tasks that may run at the same time", self.concurrency as f64);
        if let Some(renewed) = self.renewed {
            gauge(&mut text, "lease_age_seconds", "Time since the lease was renewed", renewed.as_secs_f64());
        }
        if let Some(hears) = self.hears {
            let help = "Whether wake-ups of other processes are heard";
            gauge(&mut text, "wakeups_heard", help, f64::from(u8::from(hears)));
        }
        let rings = self.rings;
        let name = "codeflow_worker_wakeups_sent";
        text.push_str(&format!("# HELP {name} Wake-ups sent to other processes.\n# TYPE {name} counter\n"));
        text.push_str(&format!("{name}_total {rings}\n# EOF\n"));
        text
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: f64) {
    let name = format!("codeflow_worker_{name}");
    writeln!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}")
        .expect("writing into a string never fails");
}
