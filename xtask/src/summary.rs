//! What the steps of a run came to, for the table at its end.

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::Result;

/// The steps so far.
#[derive(Default)]
pub(crate) struct Summary {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    time: Duration,
    passed: bool,
    /// What is worth knowing: a figure, or why it failed.
    note: String,
}

impl Summary {
    /// Runs a step whose result is only worth a note.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) {
        let start = announce(name);
        let outcome = work();
        self.record(name, start, outcome);
    }

    /// Runs a step that later ones build upon.
    pub(crate) fn step_with<T>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T>) -> Option<T> {
        let start = announce(name);
        match work() {
            Ok(value) => {
                self.record(name, start, Ok(String::new()));
                Some(value)
            }
            Err(error) => {
                self.record(name, start, Err(error));
                None
            }
        }
    }

    /// The names of the steps that failed.
    pub(crate) fn failed(&self) -> Vec<&'static str> {
        self.rows.iter().filter(|row| !row.passed).map(|row| row.name).collect()
    }

    fn record(&mut self, name: &'static str, start: Instant, outcome: Result<String>) {
        let passed = outcome.is_ok();
        let note = outcome.unwrap_or_else(|error| {
            println!("{name} failed: {error:#}");
            format!("{error:#}").lines().next().unwrap_or_default().to_owned()
        });
        self.rows.push(Row { name, time: start.elapsed(), passed, note });
    }
}

fn announce(name: &str) -> Instant {
    println!("\n=== {name}");
    Instant::now()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        for row in &self.rows {
            let verdict = if row.passed { "ok" } else { "FAILED" };
            let seconds = row.time.as_secs_f64();
            writeln!(f, "{:width$}  {verdict:6} {seconds:>7.1} s  {}", row.name, row.note)?;
        }
        Ok(())
    }
}
